# SPDX-License-Identifier: MIT
"""Result files as uspawn-bench writes them, with made-up figures: what a test knows the answer of.

Times have a long tail, and a machine whose speed wanders slowly and hits all contestants of a run alike, so that
neighbouring batches resemble each other.
"""

import math
import random

TIMES = {"floor": (20, 42), "fork": (105, 150), "vfork": (34, 48), "posix_spawn": (35, 59), "uspawn": (21, 43),
         "uspawn-async": (6, 42)}
SETTING = {"rss": 0, "huge": False, "fds": 0, "threads": 1, "processes": 1, "inflight": 1, "live": 0, "env": 0, "argv": 0,
           "path_misses": 0, "child": "tiny", "reaper": "default", "rate": 0, "burst": 0}
BATCH = 20


def percentile(values, share):
    """None if fewer than ten samples lie beyond."""
    if len(values) * (1 - share) < 10 - 1e-9:
        return None
    return values[min(len(values) - 1, math.ceil(len(values) * share) - 1)]


def histogram(values):
    buckets = {}
    for value in values:
        width = 2 ** max(0, int(value).bit_length() - 7)
        lower = int(value) // width * width
        buckets[lower, lower + width] = buckets.get((lower, lower + width), 0) + 1
    return [[low, high, count] for (low, high), count in sorted(buckets.items())]


def distribution(batches, base=None):
    values = sorted(v for batch in batches for v in batch)
    medians = [sorted(batch)[len(batch) // 2] for batch in batches]
    p50 = values[len(values) // 2]
    made = {"min": values[0], "p50": p50, "p90": percentile(values, .9), "p99": percentile(values, .99),
            "p999": percentile(values, .999), "max": values[-1], "p50_interval": [round(p50 * .99), round(p50 * 1.01)],
            "batches": medians, "histogram": histogram(values)}
    if base:
        ratio = p50 / base["p50"]
        made.update(ratio=ratio, ratio_interval=[ratio * .98, ratio * 1.02], ratio_to="posix_spawn")
    return made


def weather(dice, n):
    """How slow the machine is, batch by batch."""
    state, found = 0, []
    for _ in range(n):
        state = .9 * state + dice.gauss(0, .02)
        found.append(math.exp(state))
    return found


def contestant(dice, name, times, sky, more_us):
    keys = [("return_ns", times[0] + more_us), ("entry_ns", times[1] * .55 + more_us), ("cycle_ns", times[1] + more_us)]
    made = {"name": name, "about": f"made up: {name}", "samples": len(sky) * BATCH, "warnings": []}
    for key, mean in keys:
        batches = [[round(1e3 * mean * slow * (1 + abs(dice.gauss(0, .05)) + (dice.random() < .01) * dice.expovariate(1)))
                    for _ in range(BATCH)] for slow in sky]
        made[key] = distribution(batches)
    made["per_start"] = {"user_us": 3.5, "system_us": times[1] * .4, "child_us": 12.0, "voluntary_switches": 1.01,
                         "involuntary_switches": .02, "minor_faults": 4.0}
    return made


def relate(contestants):
    base = next((c for c in contestants if c["name"] == "posix_spawn"), None)
    for c in contestants:
        for key in ("return_ns", "entry_ns", "cycle_ns"):
            if base and c is not base and key in c:
                ratio = c[key]["p50"] / base[key]["p50"]
                c[key].update(ratio=ratio, ratio_interval=[ratio * .98, ratio * 1.02], ratio_to="posix_spawn")
    return contestants


def start(seed, names=TIMES, batches=100, slower=None, scale=1.0, axis=None, **setting):
    """A case of `start`. slower: {name: microseconds}. scale: of the whole machine."""
    dice = random.Random(seed)
    sky = [scale * slow for slow in weather(dice, batches)]
    made = {"measure": "start", "setting": {**SETTING, **setting},
            "contestants": relate([contestant(dice, n, TIMES.get(n, (50, 70)), sky, (slower or {}).get(n, 0))
                                   for n in names])}
    if axis:
        made["axis"] = axis
    return made


def rate(seed, names=TIMES, slices=20, factor=None, axis=None, **setting):
    dice = random.Random(seed)
    sky = weather(dice, slices)
    made = {"measure": "rate", "setting": {**SETTING, "inflight": 16, **setting}, "contestants": []}
    for name in names:
        many = 1 - .6 / made["setting"]["inflight"] ** .5
        mean = 1.8e6 / TIMES.get(name, (50, 70))[1] * many * (factor or {}).get(name, 1)
        rates = [mean / slow * dice.gauss(1, .01) for slow in sky]
        middle = sorted(rates)[slices // 2]
        made["contestants"].append({"name": name, "about": "made up", "samples": round(middle * 2), "rate": middle,
                                    "rate_interval": [middle * .98, middle * 1.02], "rates": rates})
    base = next((c for c in made["contestants"] if c["name"] == "posix_spawn"), None)
    for c in made["contestants"]:
        if base and c is not base:
            ratio = c["rate"] / base["rate"]
            c.update(rate_ratio=ratio, rate_ratio_interval=[ratio * .98, ratio * 1.02], rate_ratio_to="posix_spawn")
    if axis:
        made["axis"] = axis
    return made


def sweep(make, seed, name, values, **options):
    """The cases of a sweep. Words stand at their position."""
    cases = []
    for i, value in enumerate(values):
        axis = {"name": name, "value": value if isinstance(value, (int, float)) else i, "label": str(value)}
        cases.append(make(seed + i, axis=axis, **{name.replace("-", "_"): value}, **options))
    return cases


def result(*cases, **environment):
    return {"schema": "uspawn-bench/1",
            "environment": {"date": "2026-01-02T03:04:05Z", "command": "uspawn-bench start", "version": "0.1.0",
                            "kernel": "Linux 6.18.0", "machine": "x86_64", "cpu": "a made-up processor", "cpus": 2,
                            "memory_mib": 8000, "libc": "glibc 2.36", "load": .12, "busy": .03,
                            "own_cost_ns": {"clock": 25, "sample": 60}, "warnings": [], **environment},
            "cases": list(cases)}
