"""Shapes as SVG on a sheet of 100 × 100 units, y down, and what is needed to work on them as arrays."""

import io
import subprocess
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

R = 640  # pixels of the sheet's side


def ell(cx, cy, rx, ry=None, rot=0):
    return f'<ellipse cx="{cx}" cy="{cy}" rx="{rx}" ry="{ry or rx}" transform="rotate({rot} {cx} {cy})"/>'


def cap(x1, y1, x2, y2, w):
    return f'<path d="M{x1} {y1}L{x2} {y2}" fill="none" stroke="#000" stroke-width="{w}" stroke-linecap="round"/>'


def line(d, w):
    return (
        f'<path d="{d}" fill="none" stroke="#000" stroke-width="{w}" stroke-linecap="round" stroke-linejoin="round"/>'
    )


def rnd(d, w):
    return f'<path d="{d}" stroke="#000" stroke-width="{w}" stroke-linejoin="round"/>'  # rounded corners


def mir(s):
    return f'<g transform="translate(100 0) scale(-1 1)">{el(s)}</g>'


def tr(s, t):
    return f'<g transform="{t}">{el(s)}</g>'


def el(s):
    return s if s.startswith("<") else f'<path d="{s}"/>'


def both(s):
    return [s, mir(s)]


def rsvg(svg, w=R):
    return Image.open(
        io.BytesIO(
            subprocess.run(
                ["rsvg-convert", "-w", str(w), "-h", str(w)], input=svg.encode(), capture_output=True, check=True
            ).stdout
        )
    ).convert("RGBA")


def mask(shapes):
    """Coverage [R,R] in 0…1 of one shape or several."""
    shapes = (shapes,) if isinstance(shapes, str) else tuple(shapes)
    return _mask("".join(el(s) for s in shapes))


@lru_cache(maxsize=512)
def _mask(body):
    picture = rsvg(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{body}</svg>')
    return np.asarray(picture.getchannel("A")).astype(np.float32) / 255


def hexc(c):
    return np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255


def blur(a, r):
    return (
        np.asarray(
            Image.fromarray((np.clip(a, 0, 1) * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(r * R / 100))
        ).astype(np.float32)
        / 255
    )


def resize(a, n, f=Image.BICUBIC):
    return np.asarray(Image.fromarray(a.astype(np.float32), "F").resize((n, n), f))
