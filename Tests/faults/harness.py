"""What Tests/faults/run needs to run the program, look at what it wrote and count what is wrong."""
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
PROGRAM = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else f"{HERE}/../../.build/release/dit-t2i")
CODES = (64, 65, 66, 71, 73)
WORK = tempfile.mkdtemp(prefix="faults-")
MODEL = f"{WORK}/micro"
SMALL = ["--model", MODEL, "--steps", "2", "--size", "64", "--seed", "1"]
faults, skipped, notes = [], set(), {}
checks = 0

# Each writes into the working directory; what it reads has one path for all, since that is part of the bytes.
COMMANDS = {
    "draw": ["a (red:1.2) fox", "--count", "4", "-o", "fox.png"] + SMALL,
    "batch": ["batch", f"{WORK}/prompts.txt", "-o", "out", "--quiet"] + SMALL,
    "grid": ["grid", "a {red,blue} {fox,owl}", "-o", "grid.png"] + SMALL,
    "compare": ["compare", "a fox", "--class", "3", "-o", "compare.png"] + SMALL,
    "convert": ["convert", MODEL, "converted", "--quiet"],
}


class Result:
    def __init__(self, code, errors):
        self.code = code
        self.lines = [line for line in errors.decode(errors="replace").splitlines() if "note:" not in line]

    def __str__(self):
        return f"exit code {self.code}, {len(self.lines)} lines {self.lines[:2]}"


def start(arguments, folder, before=None, through=(), **options):
    """- through: a program and its arguments, which starts ours."""
    def child():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)  # in the background of a script SIGINT would be ignored
        if before:
            before()

    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE} | options
    return subprocess.Popen([*through, PROGRAM] + arguments, cwd=folder, preexec_fn=child, **options)


def run(*arguments, **options):
    return finish(start(*arguments, **options))


def finish(process, seconds=120):
    try:
        errors = process.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Result(f"none in {seconds} s", b"")
    return Result(process.returncode, errors or b"")


def check(holds, what, *details):
    global checks
    checks += 1
    if not holds:
        faults.append(f"{what}: {' '.join(map(str, details))}")
        print("FAILED", faults[-1], flush=True)
    return holds


def skip(what):
    if what not in skipped:
        print("SKIPPED:", what, flush=True)
    skipped.add(what)


def fresh(name):
    shutil.rmtree(f"{WORK}/{name}", ignore_errors=True)
    os.makedirs(f"{WORK}/{name}")
    return f"{WORK}/{name}"


def contents(folder):
    """Bytes of every file by its path, without the times that a manifest, a report and its picture tell."""
    found = {}
    for root, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            if os.path.islink(path):
                found[os.path.relpath(path, folder)] = os.readlink(path).encode()
                continue
            with open(path, "rb") as file:
                data = file.read()
            if name == "compare.png" and data.startswith(b"\x89PNG") and data.endswith(b"IEND\xaeB`\x82"):
                data = b"whole"  # it shows how long each half took
            if name.startswith("manifest") or name.endswith(".json") and "compare" in name:
                data = timeless(data)
            found[os.path.relpath(path, folder)] = data
    return found


def note(what, count=1):
    notes[what] = notes.get(what, 0) + count


def timeless(data):
    lines = {",".join(part for part in line.split(",") if "econds" not in part) for line in data.decode().splitlines()}
    return "\n".join(sorted(lines)).encode()


def left(folder):
    """Temporary files and folders."""
    return [name for _, folders, files in os.walk(folder) for name in folders + files if name.startswith(".dit-t2i-")]


def whole(what, folder, expected, complete=False):
    """Nothing but whole files of what was asked for; all of them if complete, and no temporary ones."""
    found = contents(folder)
    for path, data in found.items():
        if "manifest" in path and not complete or ".dit-t2i-" in path:
            continue
        check(expected.get(path) == data, what, path, "is another file")
    if complete:
        check(found.keys() == expected.keys(), what, "files", sorted(found.keys() ^ expected.keys()))
        check(not left(folder), what, "leaves", left(folder))


def refused(what, result, codes=CODES):
    return check(result.code in codes and len(result.lines) == 1, what, result)


def limited(kind, value):
    return lambda: resource.setrlimit(kind, (value, value))
