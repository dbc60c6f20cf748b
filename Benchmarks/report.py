"""results.json -> results.md and plots."""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image

OURS, THEIRS = "#c2410c", "#9ca3af"
# Of each kind of processor, what must be and what is aimed at: times faster than the best competitor of those precisions.
BARS = {
    ("step", "auto"): {"tiles": (2.2, 3.2), "bf16": (1.4, 1.6), "other": (1.7, 2.0)},
    ("step", "int8"): {"tiles": (3.0, 4.0), "bf16": (1.6, 1.95), "other": (1.2, 1.5)},
    ("decoder", "auto"): {"tiles": (1.5, 2.0), "bf16": (1.1, 1.3), "other": (1.5, 1.8)},
    ("xl", "auto"): {"tiles": (2.2, 3.0), "bf16": (1.4, 1.5), "other": (1.5, 1.8)},
    ("teach", "auto"): dict.fromkeys(("tiles", "bf16", "other"), (1.5, 1.5)),
}
SECONDS = {"tiles": (0.7, 0.45), "bf16": (1.5, 0.8), "other": (1.8, 1.2)}  # of prompt to PNG in `auto`
TITLES = {
    "step": "One guided step: 2 × 256 tokens, DiT-S/2 with text",
    "decoder": "Decoder, 256 × 256 pixels",
    "picture": "Prompt to PNG, 20 guided steps, 256 × 256",
    "xl": "One guided step of DiT-XL/2 with text, 256 × 256",
    "interval": "Prompt to PNG with guidance in an interval",
    "sana": "SANA-Sprint 0.6B, 1024 × 1024: two steps and the decoder",
    "teach": "A step of teaching: 4 × 256 tokens, DiT-S/2 with text, rank 8",
}


def milliseconds(value):
    return f"{value * 1e3:.1f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def verdict(bar, reached):
    """Whether a bar, (must, aim), is met, where larger is better."""
    return f"{bar[0]} / {bar[1]}: " + ("aim met" if reached >= bar[1] else "met" if reached >= bar[0] else "**missed**")


def kind(machine):
    """Which bars a processor has: with tiles, with fast bfloat16, or neither."""
    return "tiles" if "amx" in machine.get("instruction set", "") else "bf16" if machine.get("auto") == "bf16" else "other"


def times(name, section, machine):
    text = f"## {TITLES[name]}\n\n"
    errors, shared, limits = section.get("errors", {}), section.get("shared of 20 steps", {}), section.get("limits", {})
    text += table(
        ["", "median ms", "min – max", "relative error"],
        [
            [who, milliseconds(t["median"]), f"{milliseconds(t['min'])} – {milliseconds(t['max'])}",
             f"{errors[who]:.1e}" if who in errors else ""]
            for who, t in section["seconds"].items()
        ])
    if "note" in section:
        text += f"\n{section['note']}\n"
    if limits:
        text += f"\nThe processor's limit for the {next(iter(limits.values()))['macs'] / 1e9:.2f} billion multiply-adds of it:\n\n"
        text += table(
            ["", "instruction", "its Gop/s", "least ms", "reached"],
            [[who, f"`{t['instruction']}`", f"{t['giga_ops']:.0f}", milliseconds(t["seconds"]), f"{t['share']:.0%}"]
             for who, t in limits.items()])
    if shared:
        text += "\nWork that 20 steps share, the whole of it, in ms: "
        text += ", ".join(f"{who} {milliseconds(value)}" for who, value in shared.items()) + ". PyTorch does it in every step.\n"
    rows = []
    for pair in section.get("best", []):
        bar = BARS.get((name, pair["bar"]), {}).get(kind(machine))
        rows.append([
            f"**{pair['ours']}**", f"the fastest: {pair['theirs']}", f"{pair['times']:.2f}×",
            verdict(bar, pair["times"]) if bar else ""])
    rows += [[pair["ours"], pair["theirs"], f"{pair['times']:.2f}×", ""] for pair in section["ratios"]]
    if rows:
        text += "\n" + table(["ours", "against", "faster by", "must / aim"], rows)
    auto = [t["median"] for who, t in section["seconds"].items() if "(auto)" in who]
    if name == "picture" and auto:
        must, aim = SECONDS[kind(machine)]
        met = "aim met" if auto[0] <= aim else "met" if auto[0] <= must else "**missed**"
        text += f"\n`auto` takes {auto[0]:.2f} s, must / aim {must} / {aim} s: {met}\n"
    return text


def scaling(title, section):
    return f"## {title}\n\n" + table(
        ["", "median ms", "min – max", "GMAC", "time / MACs, first row = 1"],
        [
            [name, milliseconds(t["median"]), f"{milliseconds(t['min'])} – {milliseconds(t['max'])}", f"{t['macs'] / 1e9:.1f}",
             f"{t['time / macs']:.2f}"]
            for name, t in section.items()
        ])


def kernels(lines):
    keys = [key for key in lines[0] if not isinstance(lines[0][key], (dict, list))] if lines else []
    for line in lines:
        keys += [key for key in line if key not in keys]
    show = lambda value: f"{value:.3g}" if isinstance(value, float) else value
    return "## Matrix products\n\n" + table(keys, [[show(line.get(key, "")) for key in keys] for line in lines])


def report(results):
    m = results["machine"]
    parts = [
        "# Results\n\n"
        f"{m['cpu']}, {m['threads']} threads each, {m['date']}, load before {m['load before']:.1f}"
        + (f"; ours chose {m['instruction set']}, and `auto` is {m['auto']}" if "auto" in m else "") + ". Everything in one table "
        "took turns within one run; a ratio is the median of the ratios within a round."
    ]
    for name in ("step", "decoder", "picture", "xl", "interval", "sana", "teach"):
        if name in results:
            parts.append(times(name, results[name], m))
    if "sana" in results:
        sana = results["sana"]
        parts.append(table(
            ["", "median ms"], [[who, milliseconds(t["median"])] for who, t in sana["parts"].items()]) + "\n\n" + "; ".join(
                f"the {part} takes {value:.2f} times what its multiply-adds take in XL/2's step"
                for part, value in sana["time / macs"].items()) + " (bar 1.3).")
    if "teach" in results:
        teach = results["teach"]
        parts.append("A sample, a quarter of such a step, takes " + "; ".join(
            f"{value:.2f} times a guided step of {who} ({milliseconds(teach['guided step'][who]['median'])} ms)"
            for who, value in teach["sample / guided step"].items()) + " (must / aim 1.7 / 1.35).")
    if "start" in results:
        parts.append("## Cold start: process start to the end of the first step, less one step (at most 60 ms)\n\n" + table(
            ["", "median ms", "min – max"],
            [[who, milliseconds(t["median"]), f"{milliseconds(t['min'])} – {milliseconds(t['max'])}"]
             for who, t in results["start"].items()]))
    if "memory" in results:
        parts.append("## Most memory while drawing 256 × 256 (`auto` at most 130 MB)\n\n" + table(
            ["", "MB"], [[who, f"{value:.0f}"] for who, value in results["memory"].items()]))
    if "tokens" in results:
        parts.append(scaling("Cost of a step by size, `auto` (bar 1.15 of the MACs, aim 1.05)", results["tokens"]))
    if "batch" in results:
        parts.append(scaling("Cost of a step by pictures drawn together, `auto`", results["batch"]))
    if "pictures" in results:
        parts.append(pictures(results["pictures"]))
    if "kernels" in results:
        parts.append(kernels(results["kernels"]))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def pictures(section):
    return "## Pictures of the trained model against float32, mean absolute difference of a pixel (of 255)\n\n" + table(
        ["", "mean of all", "worst picture", "model and settings"],
        [[who, f"{p['mean']:.2f}", f"{p['worst']:.2f} ({p['worst prompt']})", p["settings"]] for who, p in section.items()])


def bars(path, title, section):
    """Horizontal bars of medians with min–max whiskers."""
    names = list(section["seconds"])[::-1]
    values = [section["seconds"][name] for name in names]
    medians = [value["median"] * 1e3 for value in values]
    spread = [[m - v["min"] * 1e3 for m, v in zip(medians, values)], [v["max"] * 1e3 - m for m, v in zip(medians, values)]]
    figure, axes = plt.subplots(figsize=(8, 0.5 + 0.38 * len(names)))
    axes.barh(names, medians, xerr=spread, color=[OURS if n.startswith("ours") else THEIRS for n in names], ecolor="#374151")
    for at, value in enumerate(medians):
        axes.text(value, at, f" {value:.0f}", va="bottom", fontsize=8)
    axes.set_xlabel("milliseconds (median, min to max)")
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    save(figure, path)


def save(figure, path):
    """In few colours: a third of the bytes."""
    figure.savefig(path, dpi=120)
    plt.close(figure)
    with Image.open(path) as plot:
        few = plot.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def curve(path, section):
    """Time beside multiply-adds, each as a multiple of 256 pixels."""
    sides = [int(name.split()[1]) for name in section]
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.loglog(sides, [t["macs ratio"] for t in section.values()], "o--", color=THEIRS, label="multiply-adds")
    axes.loglog(sides, [t["time ratio"] for t in section.values()], "o-", color=OURS, label="time")
    axes.set_xticks(sides, [f"{side}²" for side in sides], minor=False)
    axes.minorticks_off()
    axes.set_ylabel("times a step at 256²")
    axes.set_title("Cost of a guided step by size", fontsize=10)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    save(figure, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    results = json.loads((folder / "results.json").read_text())
    (folder / "results.md").write_text(report(results))
    for name in ("step", "decoder", "picture", "xl"):
        if name in results:
            bars(folder / f"{name}.png", TITLES[name], results[name])
    if "tokens" in results:
        curve(folder / "tokens.png", results["tokens"])
    print((folder / "results.md").read_text())


if __name__ == "__main__":
    main()
