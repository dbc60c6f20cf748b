"""Measures dit-t2i and its competitors in turns. `Benchmarks/run` prepares everything and calls this."""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ours
from macs import decoder_macs, step_macs
from ours import ROOT, THREADS, Ours
from timing import interleave, ratio, summary, timed


def relative_error(expected, actual):
    return ((expected.float() - actual.float()).norm() / expected.float().norm()).item()


def precision_of(name):
    """Of a contestant: "torch eager f32"."""
    return next((word for word in name.replace(",", "").split() if word in ours.PRECISIONS), None)


def rows(times, errors=None, best=()):
    """A section of the result: times by name, how many times faster each of ours is than each competitor of its precision,
    and of `best`, (what it is called in the bars, one of ours, precisions), than the fastest of those precisions."""

    def faster(a, b):
        return {"ours": a, "theirs": b, "times": ratio(times[b], times[a])}

    mine = [name for name in times if name.startswith("ours")]
    others = [name for name in times if name not in mine]
    pairs = [faster(a, b) for a in mine for b in others if precision_of(a) == precision_of(b)]
    contests = []
    for bar, name, precisions in best:
        peers = [other for other in others if precision_of(other) in precisions]
        if name in times and peers:
            fastest = min(peers, key=lambda peer: statistics.median(times[peer]))
            contests.append({"bar": bar} | faster(name, fastest))
    return {
        "seconds": {name: summary(values) for name, values in times.items()}, "ratios": pairs, "best": contests,
        "errors": errors or {}}


class Bench:
    def __init__(self, options):
        self.options = options
        self.small = options.work / "small"
        self.rounds = 5 if options.quick else 25
        self.precisions, self.auto, self.cpu = ours.precisions(self.small)
        self.results = {"machine": machine() | {"auto": self.auto, "instruction set": self.cpu}}

    def label(self, precision):
        """Our contestant's name; that of `auto`'s precision says so."""
        return f"ours {precision} (auto)" if precision == self.auto else f"ours {precision}"

    @property
    def bars(self):
        """What the bars compare: `auto` with the best at 16 bits or more, int8 with the best int8."""
        return [("auto", self.label(self.auto), ("f32", "bf16")), ("int8", self.label("int8"), ("int8",))]

    def limits(self, section, macs):
        """Beside each of ours the processor's own limit: what so many multiply-adds take at the peak of the instruction that
        it multiplies with."""
        peaks = {line["weights"]: line for line in self.kernels_program(THREADS, "peaks")}
        section["limits"] = {}
        for name, times in section["seconds"].items():
            peak = peaks.get(precision_of(name)) if name.startswith("ours") else None
            if peak:
                least = 2e-9 * macs / peak["giga_ops"]
                section["limits"][name] = {
                    "instruction": peak["instruction"], "giga_ops": peak["giga_ops"], "macs": macs, "seconds": least,
                    "share": least / times["median"]}
        return section

    def sections(self):
        return ["kernels", "step", "decoder", "tokens", "batch", "picture", "start", "memory", "interval", "xl", "sana", "teach"]

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
            "torch dynamic int8": theirs.dynamic_int8(model, inputs),
            "onnxruntime f32": onnx,
            "onnxruntime dynamic int8": onnx_int8,
        }
        if theirs.HAS_BF16:
            others["torch eager bf16"] = theirs.eager(model, inputs, torch.bfloat16)
            others["torch compiled bf16"] = theirs.compiled(model, inputs, torch.bfloat16)
        others |= theirs.openvinos(model, inputs, self.options.work / "step-openvino-int8.xml", transformer=True)
        result, times, processes = self.turns(expected, others, "step 256 1", "output", self.precisions)
        # What 20 steps share, a twentieth of it: torch does this work in every step.
        shared = interleave({name: process.timed("prepare 256 1") for name, process in processes.items()}, self.rounds)
        result["shared of 20 steps"] = {
            name: max(0, statistics.median(values) - statistics.median(times[name])) for name, values in shared.items()
        }
        for process in processes.values():
            process.close()
        return self.limits(result, step_macs(folder.config("transformer"), 256, case["text"].shape[0]))

    def turns(self, expected, others, command, output, precisions):
        """Ours in some precisions and the others in turns; ours must agree with `expected`, where it is in float32."""
        import theirs

        errors = {name: relative_error(expected, body()) for name, body in others.items()}
        processes = {self.label(precision): Ours(self.small, precision) for precision in precisions}
        for precision in precisions:
            errors[self.label(precision)] = relative_error(expected, self.case(self.small, 256, precision)[output])
        if errors[self.label("f32")] > 1e-4:
            sys.exit(f"ours and torch disagree: relative error {errors[self.label('f32')]}")
        times = interleave(
            {name: process.timed(command) for name, process in processes.items()}
            | {name: timed(body) for name, body in others.items()},
            self.rounds)
        result = rows(times, errors, self.bars)
        if not theirs.HAS_BF16:
            result["note"] = "No bfloat16 of the others: on this processor they emulate it or compute float32."
        return result, times, processes

    def decoder(self):
        import reference
        import theirs
        import torch

        case, model = self.case(self.small), reference.Folder(self.small).decoder()
        inputs = [case["latents"]]
        expected = model(*inputs)
        types = {"f32": torch.float32} | ({"bf16": torch.bfloat16} if theirs.HAS_BF16 else {})
        others = {}
        for name, dtype in types.items():
            last = theirs.channels_last(model, inputs, dtype)
            others[f"torch eager {name}"] = theirs.eager(*last, dtype)
            others[f"torch compiled {name}"] = theirs.compiled(*last, dtype)
        others |= theirs.openvinos(model, inputs, self.options.work / "decoder-openvino-int8.xml")
        # There are no convolutions in int8: they are computed as bf16's or f32's.
        result, _, processes = self.turns(
            expected, others, "decode 256 1", "image", [p for p in self.precisions if p != "int8"])
        for process in processes.values():
            process.close()
        return self.limits(result, decoder_macs(json.loads((self.small / "vae/config.json").read_text()), 256))

    def xl(self):
        import reference
        import theirs
        import torch

        path = self.options.work / "xl"
        case, folder = self.case(path, precision="bf16"), reference.Folder(path)
        model, inputs = folder.transformer(case["latents"].shape[-1]), folder.inputs(case)
        dtype, name = (torch.bfloat16, "bf16") if theirs.HAS_BF16 else (torch.float32, "f32")
        openvino = "openvino bf16" if theirs.HAS_BF16 else "openvino f32 (asked for bf16)"
        others = {openvino: theirs.compiled_openvino(theirs.converted(model, inputs), inputs, "bf16")}
        model.to(dtype)
        others[f"torch eager {name}"] = theirs.eager(model, inputs, dtype)
        expected = others[f"torch eager {name}"]()
        errors = {"ours bf16 against torch": relative_error(expected, case["output"])}
        processes = {self.label(precision): Ours(path, precision) for precision in dict.fromkeys(["bf16", self.auto])}
        times = interleave(
            {name: process.timed("step 256 1") for name, process in processes.items()}
            | {name: timed(body) for name, body in others.items()}, max(3, self.rounds // 5), 1)
        for process in processes.values():
            process.close()
        result = rows(times, errors, self.bars[:1])
        return self.limits(result, step_macs(folder.config("transformer"), 256, case["text"].shape[0]))

    def sana(self):
        """SANA-Sprint's step and decoder at 1024 x 1024 beside diffusers', and their multiply-adds a second beside XL/2's step."""
        import sana
        import theirs
        import torch

        path, xl = self.options.work / "sana", self.options.work / "xl"
        if not (path / "tokenizer/tokenizer.model").exists():
            shutil.rmtree(path, ignore_errors=True)
            sana.write(path)
        dtype, name = (torch.bfloat16, "bf16") if theirs.HAS_BF16 else (torch.float32, "f32")
        process, largest = Ours(path, self.auto), Ours(xl, self.auto)
        case = self.case(path, 1024, self.auto)
        step, decode = sana.competitors(path, dtype, case["text"].shape[0])
        label, torch_name = self.label(self.auto), f"diffusers compiled {name}"
        times = interleave(
            {f"{label}, step": process.timed("step 1024 1"), f"{torch_name}, step": timed(step),
             f"{label}, decoder": process.timed("decode 1024 1"), f"{torch_name}, decoder": timed(decode),
             "XL/2": largest.timed("step 256 1")}, 3, 1)
        process.close()
        largest.close()
        pictures = {
            who: [2 * a + b for a, b in zip(times[f"{who}, step"], times[f"{who}, decoder"])] for who in (label, torch_name)}
        result = rows(pictures, best=[("auto", label, ("f32", "bf16"))])
        config = json.loads((xl / "transformer/config.json").read_text())
        rate = step_macs(config, 256, 8) / statistics.median(times.pop("XL/2"))
        result["parts"] = {who: summary(values) for who, values in times.items()}
        result["time / macs"] = {
            part: rate / (sana.MACS[key] / statistics.median(times[f"{label}, {part}"]))
            for part, key in (("step", "step"), ("decoder", "decode"))}
        return result

    def teach(self):
        """A step of teaching on four pictures of 256 x 256 beside PyTorch with PEFT's adapters on the same layers, and beside a
        guided step."""
        import reference
        import theirs
        import training

        case, folder = self.case(self.small), reference.Folder(self.small)
        model, inputs = folder.transformer(case["latents"].shape[-1]), folder.inputs(case)
        error = relative_error(case["output"], model(*inputs))
        if error > 1e-4:
            sys.exit(f"ours and torch disagree: relative error {error}")
        others = training.contestants(model, case)
        precisions = [p for p in dict.fromkeys([self.auto, "f32"]) if p != "int8"]
        processes = {self.label(precision): Ours(self.small, precision) for precision in precisions}
        batch = training.BATCH
        times = interleave(
            {name: process.timed(f"learn 256 {batch}") for name, process in processes.items()}
            | {f"step of {name}": process.timed("step 256 1") for name, process in processes.items()}
            | {name: timed(body) for name, body in others.items()}, max(3, self.rounds // 3))
        for process in processes.values():
            process.close()
        steps = {name: times.pop(f"step of {name}") for name in processes}
        result = rows(times, best=[("auto", self.label(self.auto), ("f32", "bf16"))])
        if not theirs.HAS_BF16:
            result["note"] = "No bfloat16 of PyTorch: on this processor it is emulated, ten times slower than float32."
        result["guided step"] = {name: summary(values) for name, values in steps.items()}
        result["sample / guided step"] = {name: ratio(times[name], steps[name]) / batch for name in processes}
        return result

    # ------------------------------------------------------------ ours alone

    def kernels(self):
        """Every layer's giga-operations a second beside the processor's peak, for one thread and all."""
        return [
            {"threads": threads} | line for threads in sorted({1, THREADS}) for line in self.kernels_program(threads)]

    def kernels_program(self, *arguments):
        """What kernels/kernels.c prints, a line of JSON each."""
        program = self.options.work / "kernels"
        folders = [ROOT / "Sources/CKernels", ROOT / "Benchmarks/kernels"]
        sources = sorted(path for folder in folders for path in folder.glob("*.[ch]"))
        if not program.exists() or program.stat().st_mtime < max(path.stat().st_mtime for path in sources):
            include = [f"-I{ROOT}/Sources/CKernels", f"-I{ROOT}/Sources/CKernels/include"]
            subprocess.run(
                [os.environ.get("CC", "clang"), "-O2", *include, *(path for path in sources if path.suffix == ".c"),
                 "-o", program, "-lm", "-lpthread", "-ldl"], check=True)
        output = subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout
        return [json.loads(line) for line in output.splitlines()]

    def scaled(self, commands, macs):
        """Seconds beside multiply-adds, both as multiples of the first command's."""
        process = Ours(self.small, self.auto)
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
        dtype, name = (torch.bfloat16, "bf16") if theirs.HAS_BF16 else (torch.float32, "f32")
        step = theirs.compiled(folder.transformer(case["latents"].shape[-1]), folder.inputs(case), dtype)
        decode = theirs.compiled(*theirs.channels_last(folder.decoder(), [case["latents"]], dtype), dtype)

        def torch_picture():
            for _ in range(20):
                reference.guide(step())
            decode()

        contestants = {f"{self.label(p)}, whole process": lambda p=p: self.draw(p)[0] for p in self.precisions}
        contestants[f"torch compiled {name}, loop and decoder alone"] = timed(torch_picture)
        times = interleave(contestants, max(3, self.rounds // 4), 1)
        return rows(times, best=[("auto", f"{self.label(self.auto)}, whole process", ("f32", "bf16"))])

    def start(self):
        """From the start of the process to the end of its first step, less one step in steady state."""
        result = {}
        for precision in self.precisions:
            process = Ours(self.small, precision)
            process.ask("step 256 1")
            times = interleave(
                {"first": lambda: ours.first_step(self.small, precision), "step": process.timed("step 256 1")}, self.rounds)
            process.close()
            result[self.label(precision)] = summary([a - b for a, b in zip(times["first"], times["step"])])
        return result

    def memory(self):
        """The most memory of a process that draws one picture of 256x256, in MB."""
        return {self.label(p): self.draw(p, measure=ours.peak_memory) for p in self.precisions}

    def interval(self):
        """Guidance in the middle of the run only saves the other branch elsewhere."""
        times = interleave(
            {"everywhere": lambda: self.draw(self.auto)[0],
             "timesteps 200 to 800": lambda: self.draw(self.auto, "--guidance-interval", "200,800")[0]},
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
    parser.add_argument("--only", nargs="*", help="sections: kernels step decoder tokens batch picture start memory interval xl sana teach")
    Bench(parser.parse_args()).run()


if __name__ == "__main__":
    main()
