"""A pack of cut-outs on disk, and the two ways to get one: from a .tar, or from a folder of pictures."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..painter.library import STYLES
from ..painter.settings import HABITATS, SETTINGS
from ..painter.wording import article_for
from . import colors, images

WORDS = "words.csv"


class PackError(Exception):
    """The cut-outs are not as they should be; the message names the file."""


@dataclass
class Pack:
    """`pixels` uint8 [N,176,176,4] and `hues` float32 [N], a row for each record of `sprites`."""

    pixels: np.ndarray
    hues: np.ndarray
    sprites: list[dict]
    concepts: list[dict]

    @staticmethod
    def records(folder: Path) -> tuple[list[dict], list[dict]]:
        """Sprites and concepts alone, without pixels."""
        return tuple(json.loads((folder / name).read_text()) for name in ("sprites.json", "concepts.json"))

    @classmethod
    def open(cls, folder: Path) -> Pack:
        return cls(np.load(folder / "pixels.npy"), np.load(folder / "hues.npy"), *cls.records(folder))

    def write(self, folder: Path) -> None:
        """Records go last: a folder that has them is whole."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "pixels.npy", self.pixels)
        np.save(folder / "hues.npy", self.hues)
        (folder / "concepts.json").write_text(lines(self.concepts))
        (folder / "sprites.json").write_text(lines(self.sprites))

    @classmethod
    def of(cls, pixels: np.ndarray, sprites: list[dict], concepts: list[dict]) -> Pack:
        """With the hue that each cut-out is repainted by; none where it is called white or gray, whatever is on it.

        A vehicle or a building that was called blue for its windows is called by what else it has.
        """
        glazed = {c["concept"] for c in concepts if c.get("category", "").startswith(("vehicle", "building"))}
        hues = np.full(len(sprites), -1, np.float32)
        for i, (sprite, drawn) in enumerate(zip(sprites, pixels)):
            body = colors.without_glass(drawn) if sprite["concept"] in glazed else drawn
            if body is not drawn and sprite.get("main_color") == "blue":
                sprite["main_color"] = colors.main_color(body)
            if sprite.get("main_color") not in ("white", "gray"):
                hues[i] = colors.main_hue(body)
        return cls(pixels, hues, sprites, concepts)

    @classmethod
    def from_tar(cls, path: Path) -> Pack:
        """sprites.json, concepts.json and one WebP for each sprite, named by its index."""
        with tarfile.open(path) as tar:
            files = {Path(m.name).name: tar.extractfile(m).read() for m in tar.getmembers() if m.isfile()}
        try:
            sprites, concepts = json.loads(files["sprites.json"]), json.loads(files["concepts.json"])
            pictures = [Image.open(io.BytesIO(files[f"{s['index']:05d}.webp"])).convert("RGBA") for s in sprites]
        except KeyError as error:
            raise PackError(f"{path}: has no {error.args[0]}") from error
        return cls.of(np.stack([np.asarray(p) for p in pictures]), sprites, concepts)

    def write_tar(self, path: Path, quality: int = 95, notes: list[Path] | None = None) -> None:
        with tarfile.open(path, "w") as tar:
            for sprite, pixels in zip(self.sprites, self.pixels):
                webp = io.BytesIO()
                Image.fromarray(pixels).save(webp, "WEBP", quality=quality, method=4, alpha_quality=100)
                _add(tar, f"{sprite['index']:05d}.webp", webp.getvalue())
            _add(tar, "sprites.json", lines(self.sprites).encode())
            _add(tar, "concepts.json", lines(self.concepts).encode())
            for note in notes or []:
                _add(tar, note.name, note.read_bytes())

    @classmethod
    def from_folder(cls, folder: Path) -> Pack:
        """Pictures with transparent ground, and words.csv; DATA.md lists its columns."""
        table = folder / WORDS
        if not table.exists():
            raise PackError(f"{folder}: has no {WORDS}; DATA.md says what goes into it")
        pixels, sprites, concepts = [], [], {}
        with open(table, newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                where, row = f"{table}:{number}", {k: (v or "").strip() for k, v in row.items() if k}
                drawn = _read(folder, row, where)
                width, height = images.extent(drawn)
                color = row.get("main_color") or colors.main_color(drawn)
                record = dict(index=len(sprites), concept=row["concept"], style=row.get("style") or "3d")
                if record["style"] not in STYLES:
                    raise PackError(f"{where}: style must be one of {', '.join(STYLES)}")
                record |= dict(view=row.get("view") or "object", bbox_w=width, bbox_h=height, main_color=color)
                sprites.append(record)
                pixels.append(drawn)
                concepts.setdefault(row["concept"], _concept(row, where))
        if not sprites:
            raise PackError(f"{table}: has no rows")
        return cls.of(np.stack(pixels), sprites, list(concepts.values()))


def _read(folder: Path, row: dict[str, str], where: str) -> np.ndarray:
    if not row.get("file") or not row.get("concept"):
        raise PackError(f"{where}: file and concept are needed")
    try:
        with Image.open(folder / row["file"]) as picture:
            drawn = images.fit(picture)
    except OSError as error:
        raise PackError(f"{where}: {error}") from error
    if drawn is None:
        raise PackError(f"{where}: nothing is to be seen in {row['file']}")
    return drawn


def _concept(row: dict[str, str], where: str) -> dict:
    name, habitat = row["concept"], [h for h in row.get("habitat", "").split("|") if h]
    unknown = [h for h in habitat if HABITATS.get(h, h) not in SETTINGS]
    if unknown:
        raise PackError(f"{where}: no such habitat: {', '.join(unknown)}; known are {', '.join(SETTINGS)}")
    synonyms = [s for s in row.get("synonyms", "").split("|") if s]
    flags = {key: row.get(key, "").lower() in ("1", "yes", "true") for key in ("floats", "swims", "recolorable")}
    return flags | dict(
        concept=name,
        article=row.get("article") or article_for(name),
        plural=row.get("plural") or name + "s",
        synonyms=synonyms,
        category=row.get("category") or "object",
        habitat=habitat,
        size=int(row.get("size") or 2),
    )


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def lines(records: list[dict]) -> str:
    """JSON, one record a line."""
    return "[\n" + ",\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "\n]\n"
