"""How far pictures drawn with fewer bits are from float32's: 32 prompts, the same seeds, and a sheet to look at."""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import ours
from ours import ROOT, THREADS
from PIL import Image, ImageDraw

BARS = {"int12": 0.91, "int8": 3.0}  # of 255: the mean over all pictures that a precision in `auto` may differ by


def read_prompts():
    published = ROOT / "Prompts/benchmark.txt"
    lines = (published if published.exists() else ROOT / "Benchmarks/prompts.txt").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")][:32]


def draw(model, prompt, seed, precision, folder):
    path = Path(folder) / f"{precision}-{seed}.png"
    ours.run(
        "draw", prompt, "--model", model, "--precision", precision, "--threads", THREADS, "--steps", 20, "--seed", seed,
        "--output", path, "--quiet")
    return np.asarray(Image.open(path).convert("RGB"))


def sheet(rows, precisions, path, columns=4):
    """Per prompt the pictures side by side, one precision beside the other."""
    size = rows[0][1][0].shape[0]
    group = size * len(precisions) + 12
    height = size + 18
    page = Image.new("RGB", (columns * group, (len(rows) + columns - 1) // columns * height), "white")
    pen = ImageDraw.Draw(page)
    for index, (prompt, pictures) in enumerate(rows):
        x, y = index % columns * group, index // columns * height
        pen.text((x + 2, y + 2), prompt, fill="black")
        for at, picture in enumerate(pictures):
            page.paste(Image.fromarray(picture), (x + at * size, y + 16))
    page.save(path)


def compare(model, results):
    precisions, _, _ = ours.precisions(model)
    rows, differences = [], {precision: [] for precision in precisions[1:]}
    prompts = read_prompts()
    with tempfile.TemporaryDirectory() as folder:
        for seed, prompt in enumerate(prompts):
            pictures = [draw(model, prompt, seed, precision, folder) for precision in precisions]
            rows.append((prompt, pictures))
            for precision, picture in zip(precisions[1:], pictures[1:]):
                differences[precision].append(float(np.abs(picture.astype(int) - pictures[0].astype(int)).mean()))
    sheet(rows, precisions, results / "pictures.png")
    settings = f"{Path(model).name}, {len(prompts)} prompts, 20 steps"
    return {
        precision: {
            "mean": float(np.mean(values)), "worst": max(values), "worst prompt": prompts[int(np.argmax(values))],
            "each": values, "settings": settings}
        for precision, values in differences.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a trained model")
    parser.add_argument("--results", type=Path, default=ROOT / "Benchmarks/results")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    found = compare(options.model, options.results)
    path = options.results / "results.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | {"pictures": found}, indent=1) + "\n")
    for precision, values in found.items():
        print(f"{precision}: mean {values['mean']:.2f}, worst {values['worst']:.2f} ({values['worst prompt']})")
    for precision, bar in BARS.items():
        if precision in found:
            print(f"{precision} {'passes' if found[precision]['mean'] <= bar else 'FAILS'} the bar of {bar} of 255; look at pictures.png")


if __name__ == "__main__":
    main()
