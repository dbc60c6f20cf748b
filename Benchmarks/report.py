"""results.json -> results.md and plots."""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

OURS, THEIRS = "#c2410c", "#9ca3af"
BARS = {  # (ours, theirs): must, aim
    ("step", "ours f32", "torch eager f32"): (1.25, 1.45),
    ("step", "ours bf16", "torch compiled bf16"): (1.2, 1.4),
    ("step", "ours int8", "onnxruntime dynamic int8"): (1.5, 1.95),
    ("decoder", "ours bf16", "torch compiled bf16"): (0.95, 1.1),
    ("xl", "ours bf16", "torch eager bf16"): (1.2, 1.35),
}
TITLES = {
    "step": "One guided step: 2 × 256 tokens, DiT-S/2 with text",
    "decoder": "Decoder, 256 × 256 pixels",
    "picture": "Prompt to PNG, 20 guided steps, 256 × 256",
    "xl": "One guided step of DiT-XL/2 with text, 256 × 256",
    "interval": "Prompt to PNG with guidance in an interval",
}


def milliseconds(value):
    return f"{value * 1e3:.1f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def times(name, section):
    text = f"## {TITLES[name]}\n\n"
    errors, shared = section.get("errors", {}), section.get("shared of 20 steps", {})
    text += table(
        ["", "median ms", "min – max", "relative error"],
        [
            [who, milliseconds(t["median"]), f"{milliseconds(t['min'])} – {milliseconds(t['max'])}",
             f"{errors[who]:.1e}" if who in errors else ""]
            for who, t in section["seconds"].items()
        ])
    if shared:
        text += "\nWork that 20 steps share, the whole of it, in ms: "
        text += ", ".join(f"{who} {milliseconds(value)}" for who, value in shared.items()) + ". PyTorch does it in every step.\n"
    if section["ratios"]:
        rows = []
        for pair in section["ratios"]:
            bar = BARS.get((name, pair["ours"], pair["theirs"]))
            verdict = "" if not bar else f"{bar[0]} / {bar[1]}: " + (
                "aim met" if pair["times"] >= bar[1] else "met" if pair["times"] >= bar[0] else "**missed**")
            rows.append([pair["ours"], pair["theirs"], f"{pair['times']:.2f}×", verdict])
        text += "\n" + table(["ours", "against", "faster by", "must / aim"], rows)
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
        f"{m['cpu']}, {m['threads']} threads each, {m['date']}, load before {m['load before']:.1f}. Everything in one table "
        "took turns within one run; a ratio is the median of the ratios within a round."
    ]
    for name in ("step", "decoder", "picture", "xl", "interval"):
        if name in results:
            parts.append(times(name, results[name]))
    if "start" in results:
        parts.append("## Cold start: process start to the end of the first step, less one step (bar 250 ms, aim 120)\n\n" + table(
            ["", "median ms", "min – max"],
            [[who, milliseconds(t["median"]), f"{milliseconds(t['min'])} – {milliseconds(t['max'])}"]
             for who, t in results["start"].items()]))
    if "memory" in results:
        parts.append("## Most memory while drawing 256 × 256 (bar 200 MB)\n\n" + table(
            ["", "MB"], [[who, f"{value:.0f}"] for who, value in results["memory"].items()]))
    if "tokens" in results:
        parts.append(scaling("Cost of a step by size, bf16 (bar 1.15 of the MACs, aim 1.05)", results["tokens"]))
    if "batch" in results:
        parts.append(scaling("Cost of a step by pictures drawn together, bf16", results["batch"]))
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
    figure.savefig(path, dpi=120)
    plt.close(figure)


def curve(path, section):
    """Time beside multiply-adds, each as a multiple of 256 pixels."""
    sides = [int(name.split()[1]) for name in section]
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.loglog(sides, [t["macs ratio"] for t in section.values()], "o--", color=THEIRS, label="multiply-adds")
    axes.loglog(sides, [t["time ratio"] for t in section.values()], "o-", color=OURS, label="time")
    axes.set_xticks(sides, [f"{side}²" for side in sides], minor=False)
    axes.minorticks_off()
    axes.set_ylabel("times a step at 256²")
    axes.set_title("Cost of a guided step by size, bf16", fontsize=10)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


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
