"""PNG files: sheets of pictures and training curves."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

GAP = 4


def to_image(picture: Tensor) -> Image.Image:
    """[3,H,W] in 0…1."""
    pixels = (picture.detach().float().clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def sheet(pictures: Tensor, path: Path, columns: int | None = None, captions: list[str] | None = None) -> None:
    """[N,3,H,W] side by side, with a caption under each if there are any."""
    count, _, height, width = pictures.shape
    columns = columns or math.ceil(math.sqrt(count))
    strip = 14 if captions else 0
    cell_w, cell_h = width + GAP, height + GAP + strip
    image = Image.new("RGB", (columns * cell_w + GAP, math.ceil(count / columns) * cell_h + GAP), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(10)
    for i, picture in enumerate(pictures):
        x, y = GAP + i % columns * cell_w, GAP + i // columns * cell_h
        image.paste(to_image(picture), (x, y))
        if captions:
            draw.text((x, y + height + 1), _shorten(captions[i], width, font), "black", font)
    image.save(path, optimize=True)


def _shorten(text: str, width: int, font: ImageFont.ImageFont) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"


def curve(points: list[tuple[float, float]], title: str, path: Path, size: tuple[int, int] = (720, 360)) -> None:
    """A line over steps, on a logarithmic scale where all values are positive."""
    points = [p for p in points if math.isfinite(p[1])]
    if not points:
        return
    xs, ys = np.array(points, dtype=np.float64).T
    logarithmic = bool((ys > 0).all())
    scaled = np.log10(ys) if logarithmic else ys
    low, high = scaled.min(), scaled.max()
    margin = 0.05 * (high - low) or 0.5
    low, high = low - margin, high + margin
    image = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    left, top, right, bottom = 64, 28, size[0] - 16, size[1] - 28
    for i in range(5):
        value = low + (high - low) * i / 4
        y = bottom - (bottom - top) * i / 4
        draw.line([(left, y), (right, y)], "#dddddd")
        label = f"{10**value if logarithmic else value:.3g}"
        draw.text((left - 8, y), label, "#444444", font, anchor="rm")
    for i in range(5):
        value = xs[0] + (xs[-1] - xs[0]) * i / 4
        draw.text((left + (right - left) * i / 4, bottom + 8), f"{value:.0f}", "#444444", font, anchor="mt")
    draw.text((left, 8), title, "black", font)
    across = left + (xs - xs[0]) / max(xs[-1] - xs[0], 1e-9) * (right - left)
    down = bottom - (scaled - low) / (high - low) * (bottom - top)
    draw.line(list(zip(across.tolist(), down.tolist())), "#2f6fdf", 2, joint="curve")
    image.save(path, optimize=True)
