"""Every number of every configuration of a model, made wrong in twelve ways: one line or a right picture, soon and small.

    python3 Tests/faults/configurations.py PROGRAM [--one-in N] [MODEL …]

MODEL is a folder; without, small ones are made here: of a DiT with T5, of a U-ViT with CLIP, of a UniDiffuser that captions, and
an adapter. With --one-in 7 every seventh value is tried.
"""
import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile

from models import DRAW, small_models

VALUES = [0, -1, 1, 10**9, 1e308, "text", None, "missing", float("nan"), 2**63, [], {}]
SECONDS, MEMORY = 10, 4 << 30


def numbers(value, path=()):
    """Paths of all numbers in a JSON value."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from numbers(inside, path + (key,))
    elif isinstance(value, list):
        for index, inside in enumerate(value):
            yield from numbers(inside, path + (index,))
    elif isinstance(value, (int, float)):
        yield path


def changed(value, path, new):
    copy = json.loads(json.dumps(value))
    place = copy
    for key in path[:-1]:
        place = place[key]
    if new == "missing":
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return copy


def linked(model, target):
    """A copy of a model whose files are links."""
    for folder, _, files in os.walk(model):
        into = os.path.join(target, os.path.relpath(folder, model))
        os.makedirs(into, exist_ok=True)
        for file in files:
            os.symlink(os.path.realpath(os.path.join(folder, file)), os.path.join(into, file))


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def fault(arguments, folder):
    """What is wrong with how the program takes it; None if nothing is."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    try:
        done = subprocess.run(arguments, capture_output=True, cwd=folder, timeout=SECONDS * 6, preexec_fn=limited)
    except subprocess.TimeoutExpired:
        return "never ends"
    lines = [line for line in done.stderr.decode().splitlines() if "note:" not in line]
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before  # of a processor: this machine may be busy
    if seconds > SECONDS:
        return f"took {seconds:.0f} s"
    if done.returncode == 0 and not lines:
        return None
    if done.returncode in (64, 65, 66, 71, 73) and len(lines) == 1 and len(lines[0]) < 1000:
        return None
    return f"status {done.returncode}, {len(lines)} lines: {lines[:1]}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("models", nargs="*", type=os.path.abspath)
    parser.add_argument("--one-in", type=int, default=1)
    asked = parser.parse_args()
    program, work = asked.program, tempfile.mkdtemp()
    models = [(model, [DRAW + ["--size", "64", "--model", "{}"], ["inspect", "{}"]]) for model in asked.models]
    met, tried, faults = 0, 0, []
    for model, commands in models or small_models(program, work):
        for command in commands:
            wrong = fault([program] + [model if word == "{}" else word for word in command], work)
            if wrong:
                sys.exit(f"{model} as it is: {wrong}")
        files = [
            os.path.relpath(os.path.join(folder, file), model)
            for folder, _, names in os.walk(model) for file in names if file.endswith(".json") and file != "vocab.json"
        ]
        for file in sorted(files):
            text = open(os.path.join(model, file)).read()
            value = json.loads(text)
            for path in numbers(value):
                for new in VALUES:
                    met += 1
                    if met % asked.one_in != 0:
                        continue
                    broken = os.path.join(work, "broken")
                    shutil.rmtree(broken, ignore_errors=True)
                    linked(model, broken)
                    os.unlink(os.path.join(broken, file))
                    with open(os.path.join(broken, file), "w") as out:
                        json.dump(changed(value, path, new), out)
                    for command in commands:
                        tried += 1
                        wrong = fault([program] + [broken if word == "{}" else word for word in command], work)
                        if wrong:
                            name = f"{os.path.basename(model)}/{file} {'.'.join(map(str, path))}"
                            faults.append(f"{name} = {new}: {command[0][:7]}: {wrong}")
                            print(faults[-1], flush=True)
    shutil.rmtree(work)
    print(f"{tried} tried, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
