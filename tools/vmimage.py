# SPDX-License-Identifier: MIT
"""The file system of the machine that tools/vmtest boots: what the tests of a build directory run, and what that needs."""

import glob
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3" # the system's: what is first in PATH may be a wrapper
PROGRAMS = ("busybox", "sh", "bash", "echo", "xargs", "setpriv", "unshare", "nsenter", "prlimit", "chrt", "taskset",
            "ionice", "getconf", "make", "ninja", "nice", "id", "readlink", "stat", "sort",
            "seq", "timeout", "true") # busybox has none, or another one
BESIDE = ("docs/*.md", "docs/man/*", "include/*.h", "tools/*.c", "tools/tap.py") # what tests use of the sources
PYTHON_LEFT_OUT = ("test", "idlelib", "tkinter", "lib2to3", "ensurepip", "pydoc_data", "__pycache__", "config-*")


def introspect(build, what):
    done = subprocess.run(["meson", "introspect", build, "--" + what], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def said_by(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


class Image:
    """Files keep their absolute paths, so that what is compiled into the tests is true there, too. `system` is a folder with
    programs and libraries of another machine, or empty: this one's."""

    def __init__(self, root, system=""):
        self.root = pathlib.Path(root)
        self.system = system and os.path.realpath(system)
        self.elves = []
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.root / "usr" / name).mkdir(parents=True)
            (self.root / name).symlink_to("usr/" + name)
        for name in ("dev", "etc", "proc", "root", "sys", "tmp", "usr/local", "vmtest"):
            (self.root / name).mkdir()
        for name in ("etc/passwd", "etc/group"):
            self.write(name, pathlib.Path("/", name).read_text())
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        self.write("etc/hosts", "127.0.0.1 localhost\n")

    def write(self, name, text, mode=0o644):
        path = self.root / name
        path.write_text(text)
        path.chmod(mode)

    def path_there(self, path):
        """What it is called in the machine, with the symbolic links of this system's directories followed."""
        folder, name = os.path.split(os.path.abspath(path))
        path = os.path.join(os.path.realpath(folder), name)
        return path[len(self.system):] if path.startswith(self.system + "/") else path

    def place(self, path):
        return self.root / self.path_there(path)[1:]

    def add(self, path):
        target = self.place(path)
        if os.path.lexists(target):
            return
        if os.path.islink(path): # which shell /bin/sh is may matter
            to = os.readlink(path)
            real = self.system + to if to.startswith("/") else os.path.join(os.path.realpath(os.path.dirname(path)), to)
            self.add(real)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(self.path_there(real))
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
        if is_elf(path):
            self.elves.append(str(path))

    def add_program(self, name):
        path = shutil.which(name, path=":".join(self.system + folder for folder in ("/usr/bin", "/bin", "/usr/sbin", "/sbin")))
        if path:
            self.add(path)
        return path

    def add_python(self):
        if not self.system:
            folder = said_by(PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))").strip()
        else:
            folder = glob.glob(self.system + "/usr/lib/python3.*")[0]
        self.add(self.system + PYTHON)
        shutil.copytree(folder, self.place(folder), symlinks=True, ignore=shutil.ignore_patterns(*PYTHON_LEFT_OUT))
        self.elves += glob.glob(folder + "/lib-dynload/*.so")

    def add_libraries(self):
        """All that the dynamic linker would load for what is here, the linker itself among it."""
        for elf in self.elves: # which grows
            if not self.system:
                libraries = re.findall(r"(/\S+) \(0x", said_by("ldd", elf))
            else:
                libraries = self.libraries_of(elf)
            for library in libraries:
                self.add(library)

    def libraries_of(self, elf):
        """Of another machine, whose linker does not run here."""
        text = said_by("readelf", "-ldW", elf)
        paths = re.findall(r"R(?:UN)?PATH\).*\[(.*)\]", text)
        folders = [folder.replace("$ORIGIN", os.path.dirname(elf)) for path in paths for folder in path.split(":")]
        folders += glob.glob(self.system + "/lib/*-linux-gnu*") + glob.glob(self.system + "/usr/lib/*-linux-gnu*")
        for name in re.findall(r"NEEDED\).*\[(.*)\]", text):
            yield from [path for path in (os.path.join(folder, name) for folder in folders) if os.path.exists(path)][:1]
        for linker in re.findall(r"interpreter: (.*)\]", text):
            yield self.system + linker

    def pack(self, file):
        names = subprocess.run(["find", ".", "-print0"], cwd=self.root, stdout=subprocess.PIPE, check=True).stdout
        with open(file, "wb") as out:
            subprocess.run(["cpio", "-o", "-0", "-H", "newc", "--quiet"], cwd=self.root, input=names, stdout=out,
                           check=True)


def machine_of(path):
    """As uname -m has it; of an ELF file. None: one that no machine here is."""
    with open(path, "rb") as file:
        return {62: "x86_64", 183: "aarch64"}.get(int.from_bytes(file.read(20)[18:], "little"))


def command_of(test):
    words = list(test["cmd"])
    if os.path.basename(words[0]).startswith("python3"):
        words[0] = PYTHON
    return words


def add_test(image, test, targets):
    """Its program, its scripts with the modules beside them, and what meson builds before it runs."""
    for word in command_of(test):
        if word == PYTHON or not os.path.isfile(word):
            continue
        image.add(word)
        if not is_elf(word):
            for module in glob.glob(os.path.dirname(word) + "/*.py"):
                image.add(module)
    for name in test.get("depends", []):
        for file in targets.get(name, []):
            for path in [file, *glob.glob(file.split(".so")[0] + ".so*")]:
                if os.path.isfile(path):
                    image.add(path)


def make(file, folder, build, tests, seconds, system="", results="/dev/ttyS1"):
    """Writes an archive for the kernel to `file`; `seconds` is how long each test may take, `results` where they go to."""
    image = Image(folder, system)
    targets = {target["id"]: target["filename"] for target in introspect(build, "targets")}
    lines = []
    for name in PROGRAMS:
        image.add_program(name)
    for test in tests:
        test = {**test, "cmd": [os.path.join(build, word) if i and os.path.isfile(os.path.join(build, word)) else word
                                for i, word in enumerate(test["cmd"])]}
        add_test(image, test, targets)
        words = [f"{key}={value}" for key, value in test["env"].items()] + command_of(test)
        if "--tap=/dev/stdout" in words: # Criterion, whose limit of each test is that of a real processor
            words += ["--timeout", str(seconds(test))]
        lines.append(shlex.join(["run", test["name"], str(seconds(test)), *words]))
    for pattern in BESIDE:
        for path in glob.glob(str(HERE.parent / pattern)):
            image.add(path)
    for path in [*glob.glob(os.path.join(build, "bench", "*")), os.path.join(build, "lib", "uspawn-relay")]:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            image.add(path)
    if any(PYTHON in line for line in lines):
        image.add_python()
    image.add_libraries()
    image.write("init", (HERE / "vm-init").read_text(), 0o755)
    image.write("vmtest/suites", "\n".join(lines) + "\n")
    image.write("vmtest/results", results + "\n")
    image.pack(file)
