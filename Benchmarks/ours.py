"""dit-t2i as a contestant: one process a precision, asked over a pipe, so that it is measured inside and waits in between."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / ".build/release/dit-t2i"
THREADS = int(os.environ.get("THREADS", "2"))
PRECISIONS = ["f32", "bf16", "int12", "int8"]
WRONG_USAGE = 64


class UnknownPrecision(Exception):
    """This build of the program has no such precision."""


class Ours:
    def __init__(self, model, precision):
        self.process = subprocess.Popen(
            [PROGRAM, "benchmark", "--model", model, "--precision", precision, "--threads", str(THREADS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        about = self._read()
        self.load, self.precision, self.cpu = (about.get(key) for key in ("seconds", "precision", "cpu"))

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self._read()

    def timed(self, command):
        return lambda: self.ask(command)["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            raise UnknownPrecision if code == WRONG_USAGE else RuntimeError(f"{PROGRAM} ended with code {code}")
        return json.loads(line)


def precisions(model):
    """Those that the program knows; what `auto` is on this machine; the instruction set."""
    known = []
    for precision in PRECISIONS:
        try:
            Ours(model, precision).close()
            known.append(precision)
        except UnknownPrecision:
            print(f"{precision}: this program does not know it, and is not asked for it", flush=True)
    auto = Ours(model, "auto")
    auto.close()
    return known, auto.precision, auto.cpu


# Linux counts the memory of the process that forks towards its child, so a small one stands between.
WATCH = """import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, file=sys.stderr)
sys.exit(code)"""


def run(*arguments):
    """A whole process: (wall seconds, its output)."""
    start = time.perf_counter()
    output = subprocess.run([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True).stdout
    return time.perf_counter() - start, output


def peak_memory(*arguments):
    """Most memory of a whole process, in MB."""
    command = [sys.executable, "-S", "-c", WATCH, PROGRAM, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return float(done.stderr.split()[-1])


def first_step(model, precision):
    """Seconds from the start of a process to the end of its first step."""
    return run("benchmark", "--first-step", "--model", model, "--precision", precision, "--threads", THREADS)[0]
