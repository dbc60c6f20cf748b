"""Drawings for what emoji sets lack: simple things as SVG, whole animals as PNG. Needs rsvg-convert (librsvg2-bin)."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

SIDE = 352  # pixels of an animal's drawing


def draw_all(fluent: Path, noto: Path, folder: Path) -> None:
    """Writes x-NAME_STYLE.svg and .png into `folder`; the animals' heads are the emoji's own faces."""
    from . import bodies, register, sitting, things, unicorn, walking  # noqa: F401  (the last four fill the registry)

    folder.mkdir(parents=True, exist_ok=True)
    for name, shapes in things.THINGS.items():
        for style in register.ALL:
            (folder / f"x-{name}_{style}.svg").write_text(things.svg(shapes, style))
    bodies.use(fluent, noto)
    for name, drawing in register.ART.items():
        for style in drawing.styles:
            drawn = drawing(style)
            picture = drawn if isinstance(drawn, Image.Image) else bodies.draw(drawn, style)
            picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(folder / f"x-{name}_{style}.png", optimize=True)
