"""Measures dit-t2i and its competitors in turns. `Benchmarks/run` prepares everything and calls this."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ours
from macs import step_macs
from ours import ROOT, THREADS, Ours
from timing import interleave, ratio, summary, timed

PRECISIONS = ["f32", "bf16", "int8"]


def relative_error(expected, actual):
    return ((expected.float() - actual.float()).norm() / expected.float().norm()).item()


def rows(times, pairs=(), errors=None):
    """A section of the result: times by name, and how many times faster ours is than each competitor."""
    return {
        "seconds": {name: summary(values) for name, values in times.items()},
        "ratios": [
            {"ours": a, "theirs": b, "times": ratio(times[b], times[a])} for a, b in pairs if a in times and b in times
        ],
        "errors": errors or {},
    }


class Bench:
    def __init__(self, options):
        self.options = options
        self.small = options.work / "small"
        self.rounds = 5 if options.quick else 25
        self.results = {"machine": machine()}

    def sections(self):
        return ["kernels", "step", "decoder", "tokens", "batch", "picture", "start", "memory", "interval", "xl"]

    def run(self):
        for name in self.options.only or self.sections():
            print(f"-- {name}", flush=True)
            start = time.time()
            self.results[name] = getattr(self, name)()
            print(json.dumps(self.results[name])[:2000], f"\n   {time.time() - start:.0f} s", flush=True)
            self.options.results.mkdir(parents=True, exist_ok=True)
            path = self.options.results / "results.json"
            known = json.loads(path.read_text()) if path.exists() else {}
            path.write_text(json.dumps(known | self.results, indent=1) + "\n")

    # ------------------------------------------------------------ a network, ours and theirs

    def case(self, model, side=256, precision="f32"):
        """What ours read and gave in one step and one decoding, as tensors."""
        from safetensors.torch import load_file

        path = self.options.work / f"{model.name}-{side}-{precision}.safetensors"
        process = Ours(model, precision)
        process.ask(f"write {side} {path}")
        process.close()
        return load_file(path)

    def step(self):
        import reference
        import theirs
        import torch

        case, folder = self.case(self.small), reference.Folder(self.small)
        model, inputs = folder.transformer(case["latents"].shape[-1]), folder.inputs(case)
        expected = model(*inputs)
        onnx, onnx_int8 = theirs.onnx_sessions(model, inputs, self.options.work)
        others = {
            "torch eager f32": theirs.eager(model, inputs, torch.float32),
            "torch compiled f32": theirs.compiled(model, inputs, torch.float32),
            "onnxruntime f32": onnx,
            "torch eager bf16": theirs.eager(model, inputs, torch.bfloat16),
            "torch compiled bf16": theirs.compiled(model, inputs, torch.bfloat16),
            "torch dynamic int8": theirs.dynamic_int8(model, inputs),
            "onnxruntime dynamic int8": onnx_int8,
        }
        errors = {name: relative_error(expected, body()) for name, body in others.items()}
        processes = {precision: Ours(self.small, precision) for precision in PRECISIONS}
        for precision in PRECISIONS:
            errors[f"ours {precision}"] = relative_error(expected, self.case(self.small, 256, precision)["output"])
        if errors["ours f32"] > 1e-4:
            sys.exit(f"ours and torch disagree: relative error {errors['ours f32']}")
        times = interleave(
            {f"ours {p}": processes[p].timed("step 256 1") for p in PRECISIONS}
            | {name: timed(body) for name, body in others.items()},
            self.rounds)
        pairs = [("ours f32", name) for name in others if name.endswith("f32")]
        pairs += [("ours bf16", name) for name in others if name.endswith("bf16")]
        pairs += [("ours int8", name) for name in others if name.endswith("int8")]
        result = rows(times, pairs, errors)
        # What 20 steps share, a twentieth of it: torch does this work in every step.
        shared = interleave({f"ours {p}": processes[p].timed("prepare 256 1") for p in PRECISIONS}, self.rounds)
        result["shared of 20 steps"] = {
            name: max(0, statistics.median(values) - statistics.median(times[name])) for name, values in shared.items()
        }
        for process in processes.values():
            process.close()
        return result

    def decoder(self):
        import reference
        import theirs
        import torch

        case, model = self.case(self.small), reference.Folder(self.small).decoder()
        inputs = [case["latents"]]
        expected = model(*inputs)
        last = {dtype: theirs.channels_last(model, inputs, dtype) for dtype in (torch.float32, torch.bfloat16)}
        others = {
            "torch eager f32": theirs.eager(*last[torch.float32], torch.float32),
            "torch compiled f32": theirs.compiled(*last[torch.float32], torch.float32),
            "torch eager bf16": theirs.eager(*last[torch.bfloat16], torch.bfloat16),
            "torch compiled bf16": theirs.compiled(*last[torch.bfloat16], torch.bfloat16),
        }
        errors = {name: relative_error(expected, body()) for name, body in others.items()}
        processes = {precision: Ours(self.small, precision) for precision in ("f32", "bf16")}
        for precision in processes:
            errors[f"ours {precision}"] = relative_error(expected, self.case(self.small, 256, precision)["image"])
        times = interleave(
            {f"ours {p}": process.timed("decode 256 1") for p, process in processes.items()}
            | {name: timed(body) for name, body in others.items()},
            self.rounds)
        for process in processes.values():
            process.close()
        return rows(times, [(f"ours {p}", n) for p in processes for n in others if n.endswith(p)], errors)

    def xl(self):
        import reference
        import theirs
        import torch

        path = self.options.work / "xl"
        case, folder = self.case(path, precision="bf16"), reference.Folder(path)
        model = folder.transformer(case["latents"].shape[-1]).to(torch.bfloat16)
        body = theirs.eager(model, folder.inputs(case), torch.bfloat16)
        errors = {"ours bf16 against torch bf16": relative_error(body(), case["output"])}
        process = Ours(path, "bf16")
        times = interleave(
            {"ours bf16": process.timed("step 256 1"), "torch eager bf16": timed(body)}, max(3, self.rounds // 5), 1)
        process.close()
        return rows(times, [("ours bf16", "torch eager bf16")], errors)

    # ------------------------------------------------------------ ours alone

    def kernels(self):
        """Every layer's giga-operations a second beside the processor's peak, for one thread and all."""
        program = self.options.work / "kernels"
        sources = sorted(str(path) for path in (ROOT / "Sources/CKernels").glob("*.c"))
        include = [f"-I{ROOT}/Sources/CKernels", f"-I{ROOT}/Sources/CKernels/include"]
        compiler = os.environ.get("CC", "clang")
        subprocess.run(
            [compiler, "-O2", *include, ROOT / "Benchmarks/kernels/kernels.c", *sources, "-o", program, "-lm",
             "-lpthread", "-ldl"], check=True)
        lines = []
        for threads in sorted({1, THREADS}):
            output = subprocess.run([program, str(threads)], check=True, capture_output=True, text=True).stdout
            lines += [{"threads": threads} | json.loads(line) for line in output.splitlines()]
        return lines

    def scaled(self, commands, macs, precision="bf16"):
        """Seconds beside multiply-adds, both as multiples of the first command's."""
        process = Ours(self.small, precision)
        times = {}
        for command in commands:  # one after the other within a round, as everywhere
            process.ask(command)
        times = interleave({c: process.timed(c) for c in commands}, max(3, self.rounds // 3), 1)
        process.close()
        first = commands[0]
        result = {}
        for command, count in zip(commands, macs):
            slower = statistics.median(a / b for a, b in zip(times[command], times[first]))
            result[command] = summary(times[command]) | {
                "macs": count, "macs ratio": count / macs[0], "time ratio": slower,
                "time / macs": slower / (count / macs[0])}
        return result

    def tokens(self):
        config = json.loads((self.small / "transformer/config.json").read_text())
        sides = [256, 384, 512, 768, 1024]
        return self.scaled([f"step {s} 1" for s in sides], [step_macs(config, s, 8) for s in sides])

    def batch(self):
        config = json.loads((self.small / "transformer/config.json").read_text())
        counts = [1, 2, 4, 8]
        return self.scaled([f"step 256 {n}" for n in counts], [step_macs(config, 256, 8, n) for n in counts])

    def draw(self, precision, *more, measure=ours.run):
        with tempfile.TemporaryDirectory() as folder:
            return measure(
                "draw", "a red fox in snow", "--model", self.small, "--precision", precision, "--threads", THREADS,
                "--steps", 20, "--seed", 0, "--output", f"{folder}/x.png", "--quiet", *more)

    def picture(self):
        """Prompt to PNG, 20 guided steps: the whole process of ours; of torch only the loop and the decoder."""
        import reference
        import theirs
        import torch

        case, folder = self.case(self.small), reference.Folder(self.small)
        inputs, bf16 = folder.inputs(case), torch.bfloat16
        step = theirs.compiled(folder.transformer(case["latents"].shape[-1]), inputs, bf16)
        decode = theirs.compiled(*theirs.channels_last(folder.decoder(), [case["latents"]], bf16), bf16)

        def torch_picture():
            for _ in range(20):
                reference.guide(step())
            decode()

        contestants = {f"ours {p}, whole process": lambda p=p: self.draw(p)[0] for p in PRECISIONS}
        contestants["torch compiled bf16, loop and decoder alone"] = timed(torch_picture)
        times = interleave(contestants, max(3, self.rounds // 4), 1)
        return rows(times, [("ours bf16, whole process", "torch compiled bf16, loop and decoder alone")])

    def start(self):
        """From the start of the process to the end of its first step, less one step in steady state."""
        result = {}
        for precision in PRECISIONS:
            process = Ours(self.small, precision)
            process.ask("step 256 1")
            times = interleave(
                {"first": lambda: ours.first_step(self.small, precision), "step": process.timed("step 256 1")}, self.rounds)
            process.close()
            result[f"ours {precision}"] = summary([a - b for a, b in zip(times["first"], times["step"])])
        return result

    def memory(self):
        """The most memory of a process that draws one picture of 256x256, in MB."""
        return {f"ours {p}": self.draw(p, measure=ours.peak_memory) for p in PRECISIONS}

    def interval(self):
        """Guidance in the middle of the run only saves the other branch elsewhere."""
        times = interleave(
            {"everywhere": lambda: self.draw("bf16")[0],
             "timesteps 200 to 800": lambda: self.draw("bf16", "--guidance-interval", "200,800")[0]},
            max(3, self.rounds // 5), 1)
        return rows(times)


def machine():
    cpu = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    return {"cpu": cpu, "threads": THREADS, "load before": os.getloadavg()[0], "date": time.strftime("%Y-%m-%d %H:%M")}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder with the random models")
    parser.add_argument("--results", type=Path, default=ROOT / "Benchmarks/results")
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that everything runs")
    parser.add_argument("--only", nargs="*", help="sections: kernels step decoder tokens batch picture start memory interval xl")
    Bench(parser.parse_args()).run()


if __name__ == "__main__":
    main()
