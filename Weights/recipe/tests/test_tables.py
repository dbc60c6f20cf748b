"""The concept tables, and that they give the pack's own records."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from recipe.painter.library import STYLES
from recipe.sprites import build, tables, words
from recipe.sprites.drawings import register, sitting, things, unicorn, walking  # noqa: F401


@pytest.mark.parametrize(
    "one, many",
    [
        ("fox", "foxes"),
        ("policewoman", "policewomen"),
        ("shaman", "shamans"),
        ("berry", "berries"),
        ("toy", "toys"),
        ("person with a hat", "people with a hat"),
        ("wolf", "wolves"),
    ],
)
def test_plurals(one: str, many: str) -> None:
    assert words.plural(one) == many


@pytest.mark.parametrize(
    "name, article",
    [("coffee", "some"), ("elk", "an"), ("unicorn", "a"), ("santa", ""), ("socks", "some"), ("bus", "a")],
)
def test_articles_of_synonyms(name: str, article: str) -> None:
    assert words.synonym_article(name) == article


def test_every_drawing_is_asked_for_by_a_table() -> None:
    asked = {codepoint for row in tables.read() for codepoint, _ in row.codepoints}
    asked |= {name for _, _, names in tables.read_added() for name in names}
    drawn = {f"x-{name}" for name in (*things.THINGS, *register.ART)}
    assert {name for name in asked if name.startswith("x-")} <= drawn


def test_bad_lines_are_named(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("[object 2 - - object]\n1f600|thing||fast\n")
    with pytest.raises(tables.TableError, match=r"1\.txt:2: bad option fast"):
        tables.read(tmp_path)


def test_the_tables_give_the_records_of_the_pack(shared_pack: Path) -> None:
    """All but what is measured on pixels, without the sources."""
    with tarfile.open(shared_pack) as tar:
        sprites, concepts = (json.load(tar.extractfile(name)) for name in ("sprites.json", "concepts.json"))
    index = {style: {} for style in STYLES}
    for sprite in sprites:
        index[sprite["style"]][build.normal(sprite["codepoint"])] = Path("there")
    rows = tables.read()
    jobs = build.list_jobs(rows, index)
    keys = ("concept", "style", "view", "codepoint", "gender", "skin", "scene")
    assert [[job.record.get(k) for k in keys] for job in jobs] == [[s.get(k) for k in keys] for s in sprites]
    areas = {c["concept"]: Counter({c["main_color"]: 1}) for c in concepts}
    assert build.describe_concepts(rows, sprites, areas) == concepts
