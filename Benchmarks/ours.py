"""dit-t2i as a contestant: one process a precision, asked over a pipe, so that it is measured inside and waits in between."""

import json
import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / ".build/release/dit-t2i"
THREADS = int(os.environ.get("THREADS", "2"))


class Ours:
    def __init__(self, model, precision):
        self.process = subprocess.Popen(
            [PROGRAM, "benchmark", "--model", model, "--precision", precision, "--threads", str(THREADS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.load = self._read()["seconds"]

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
            raise RuntimeError(f"{PROGRAM} ended with code {self.process.wait()}")
        return json.loads(line)


def run(*arguments):
    """A whole process: (wall seconds, its output, peak memory in MB)."""
    start = time.perf_counter()
    process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"dit-t2i {' '.join(map(str, arguments))} ended with code {process.returncode}")
    return time.perf_counter() - start, output, usage.ru_maxrss / 1024


def first_step(model, precision):
    """Seconds from the start of a process to the end of its first step."""
    return run("benchmark", "--first-step", "--model", model, "--precision", precision, "--threads", THREADS)[0]
