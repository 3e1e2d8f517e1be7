# SPDX-License-Identifier: MIT
"""Assertions as TAP lines, and the few ways in which the tests start the program: argv[1] of each test."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

program = os.path.abspath(sys.argv[1])
folder = tempfile.mkdtemp(prefix="uspawn-test-")
os.chdir(folder)
os.umask(0o022) # ordinary users read some of the files
os.environ["PATH"] = "/usr/bin:/bin" # a directory that may not be searched would change what is said of a missing program
# A shell's background jobs are born with two of these ignored, and what nohup runs with the third; all would hand that
# on to what is started here.
for signo in signal.SIGHUP, signal.SIGINT, signal.SIGQUIT:
    signal.signal(signo, signal.SIG_DFL)
count = failed = 0

ROOT = os.geteuid() == 0
NOBODY = 65534
AS_NOBODY = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups") if ROOT else ()


def ok(condition, name, seen=""):
    """One assertion. What was seen is only shown if it does not hold."""
    global count, failed
    count += 1
    print(f"{'ok' if condition else 'not ok'} {count} - {name}", flush=True)
    if not condition:
        failed += 1
        for line in str(seen).splitlines():
            print(f"# {line}", flush=True)


def same(seen, expected, name):
    ok(seen == expected, name, f"seen     {seen!r:.1000}\nexpected {expected!r:.1000}")


def skip(name, why):
    global count
    count += 1
    print(f"ok {count} - {name} # SKIP {why}", flush=True)


def start(*words, wrap=(), **options):
    """Starts the program with pipes; `wrap` is a command line before it."""
    for stream in ("stdin", "stdout", "stderr"):
        options.setdefault(stream, subprocess.PIPE)
    return subprocess.Popen([*wrap, program, *words], **options)


def run(*words, input=b"", **options):
    """Runs it to its end: an object with returncode, and bytes stdout and stderr. How long it may take, meson says."""
    process = start(*words, **options)
    out, err = process.communicate(input)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def refused(words, option, name):
    """It must exit with 125, say one line that names the option, and write nothing to standard output."""
    end = run(*words)
    ok(end.returncode == 125 and end.stdout == b"" and end.stderr.count(b"\n") == 1 and option in end.stderr.decode(),
       name, end)


def tried(name, words, *more):
    """`uspawn run` with these options: None, and a skip by name, where this kernel or container does not have it."""
    end = run("run", *words, "--", *more)
    if end.returncode == 125 and any(word in end.stderr for word in (b"not permitted", b"not supported", b"CAP_")):
        skip(name, end.stderr.decode().strip())
        return None
    return end


def gives(words, command, expected, name=None):
    name = name or " ".join(words)
    end = tried(name, words, *(["sh", "-c", command] if isinstance(command, str) else command))
    if end:
        same((end.returncode, end.stdout.decode().split()), (0, expected.split()), name)


def denied(words, option, hint, name):
    """As an ordinary user it must exit with 125, and say which option and what to do."""
    end = run("run", *words, "--", "true", wrap=AS_NOBODY)
    ok(end.returncode == 125 and end.stderr.count(b"\n") == 1 and option in end.stderr.decode() and
       hint in end.stderr.decode(), name, end)


def child_of(pid):
    """The one child of a process, as soon as it has one that is not itself any more."""
    while True:
        children = read(f"/proc/{pid}/task/{pid}/children").split()
        if children and os.readlink(f"/proc/{children[0]}/exe") != os.readlink(f"/proc/{pid}/exe"):
            return int(children[0])


def status(field, *words):
    """A line of /proc/self/status of a program that was started so."""
    end = run("run", *words, "--", "cat", "/proc/self/status")
    lines = [line.split(":")[1].split() for line in end.stdout.decode().splitlines() if line.startswith(field + ":")]
    return lines[0] if lines else end


def write(name, text, mode=0o644):
    with open(name, "w") as file:
        file.write(text)
    os.chmod(name, mode)
    return name


def read(name):
    with open(name) as file:
        return file.read()


def done():
    os.chdir("/")
    shutil.rmtree(folder)
    print(f"1..{count}", flush=True)
    sys.exit(failed > 0)
