"""Builds the pack from its public sources. Needs git, rsvg-convert (Debian: librsvg2-bin) and the network."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..painter.library import STYLES
from . import colors, images, tables, words
from .drawings import draw_all
from .pack import Pack, PackError
from .sources import FLUENT, NOTO

# Colours between which a person's word wins over the computed one.
ALIKE = ({"orange", "yellow", "brown"}, {"gray", "white", "black"}, {"pink", "red"})


@dataclass(frozen=True)
class Job:
    """A picture to be read, and the record it goes with."""

    path: Path
    keyed: bool
    record: dict


def build(root: Path) -> Pack:
    """Fetches the sources into `root`, draws what they lack, and renders every cut-out."""
    for tool in ("git", "rsvg-convert"):
        if not shutil.which(tool):
            raise PackError(f"building the pack needs {tool}; a ready pack does not: --sprites sprites.tar")
    fluent, noto = FLUENT.fetch(root), NOTO.fetch(root)
    draw_all(fluent, noto, root / "drawings")
    rows = tables.read()
    jobs = list_jobs(rows, index_files(fluent, noto, root / "drawings"))
    with ProcessPoolExecutor() as executor:
        rendered = list(executor.map(render, jobs, chunksize=16))
    kept = [(job.record, pixels) for job, pixels in zip(jobs, rendered) if pixels is not None]
    by_hand = {row.concept: row.main_color for row in rows}
    sprites, areas = [], defaultdict(Counter)
    for index, (record, pixels) in enumerate(kept):
        shares = colors.shares(pixels)
        sprites.append(describe(index, record, pixels, shares, by_hand[record["concept"]]))
        if "skin" not in record:
            areas[record["concept"]].update(shares)
    return Pack.of(np.stack([pixels for _, pixels in kept]), sprites, describe_concepts(rows, sprites, areas))


def index_files(fluent: Path, noto: Path, drawings: Path) -> dict[str, dict[str, Path]]:
    """Files by style and code point."""
    index: dict[str, dict[str, Path]] = {style: {} for style in STYLES}
    for path in sorted((fluent / "assets").iterdir()):
        match = re.fullmatch(r"([0-9a-f]{4,5}(?:-[0-9a-f]{4,5})*)_(3d\.png|flat\.svg)", path.name)
        if match:
            index[match[2].split(".")[0]][normal(match[1])] = path
    for path in sorted((noto / "png" / "512").iterdir()):
        match = re.fullmatch(r"emoji_u([0-9a-f_]+)\.png", path.name)
        if match:
            index["cartoon"][normal(match[1].replace("_", "-"))] = path
    for path in sorted(drawings.iterdir()):
        match = re.fullmatch(r"(x-[a-z-]+)_(3d|flat|cartoon)\.(?:svg|png)", path.name)
        if match:
            index[match[2]][match[1]] = path
    return index


def normal(codepoint: str) -> str:
    return "-".join(part for part in codepoint.split("-") if part != "fe0f")


def list_jobs(rows: list[tables.Row], index: dict[str, dict[str, Path]]) -> list[Job]:
    jobs = []
    for row in rows:
        for codepoint, view in row.codepoints:
            for form, gender, skin in row.forms(codepoint):
                for style in STYLES:
                    path = index[style].get(normal(form))
                    if style in row.left_out or path is None:
                        continue
                    record = dict(concept=row.concept, style=style, view=view or row.views[style], codepoint=form)
                    optional = dict(gender=gender, skin=skin, scene=style in row.own_backdrop)
                    record |= {key: value for key, value in optional.items() if value}
                    jobs.append(Job(path, row.keyed, record))
    for concept, view, names in tables.read_added():
        for name in names:
            for style in STYLES:
                if name in index[style]:
                    record = dict(concept=concept, style=style, view=view, codepoint=name)
                    jobs.append(Job(index[style][name], False, record))
    return jobs


def render(job: Job) -> np.ndarray | None:
    if job.path.suffix == ".svg":
        command = ["rsvg-convert", "-w", "512", "-h", "512", str(job.path)]
        picture = Image.open(io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout))
    else:
        picture = Image.open(job.path)
    return images.fit(images.key_dark_tile(picture) if job.keyed else picture)


def describe(index: int, record: dict, pixels: np.ndarray, shares: dict[str, float], by_hand: str | None) -> dict:
    """The sprite's record in the order of the pack's."""
    color = max(shares, key=shares.get)
    if by_hand and any({by_hand, color} <= group for group in ALIKE):
        color = by_hand
    width, height = images.extent(pixels)
    measured = dict(bbox_w=width, bbox_h=height, main_color=color)
    first = {key: record[key] for key in ("concept", "style", "view", "codepoint")}
    last = {key: record[key] for key in ("gender", "skin", "scene") if key in record}
    return dict(index=index) | first | measured | last


def describe_concepts(rows: list[tables.Row], sprites: list[dict], areas: dict[str, Counter]) -> list[dict]:
    by_concept = defaultdict(list)
    for sprite in sprites:
        by_concept[sprite["concept"]].append(sprite)
    out = []
    for row in rows:
        mine = by_concept.get(row.concept)
        if not mine:
            continue
        plain, by_color, by_gender = words.split_synonyms(row.concept, row.synonyms, row.recolorable, row.gendered)
        out.append(
            dict(
                concept=row.concept,
                article=row.article,
                plural=row.plural,
                synonyms=plain,
                synonym_articles={synonym: words.synonym_article(synonym) for synonym in plain},
                color_synonyms=by_color,
                gender_synonyms=by_gender,
                category=row.category,
                habitat=[tables.HABITATS[letter] for letter in dict.fromkeys(row.habitat)],
                size=row.size,
                floats=row.floats,
                swims=row.swims,
                recolorable=row.recolorable,
                main_color=row.main_color or areas[row.concept].most_common(1)[0][0],
                styles=[style for style in STYLES if any(s["style"] == style for s in mine)],
                views=sorted({s["view"] for s in mine}),
                n_sprites=len(mine),
            )
        )
    return out
