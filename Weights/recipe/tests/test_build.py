"""The pack from its sources: fetched by git, drawn, rendered. Two local repositories stand in for the public ones."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from recipe.sprites import build, tables
from recipe.sprites.drawings import register, sitting, things, unicorn, walking  # noqa: F401
from recipe.sprites.sources import Source

FOX = "1f98a"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    return subprocess.check_output(["git", "-C", str(folder), *who, *words], text=True).strip()


def repository(folder: Path, like: Source) -> Source:
    """Commits what is in `folder`, which then can be fetched as a public server would have it."""
    git(folder, "init", "--quiet")
    for setting in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git(folder, "config", setting, "true")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "pictures")
    return dataclasses.replace(like, url=folder.as_uri(), commit=git(folder, "rev-parse", "HEAD"))


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Source, Source]:
    """A fox's face in three styles, under the names of the public repositories."""
    face = Image.new("RGBA", (128, 128))
    ImageDraw.Draw(face).ellipse((14, 20, 114, 120), fill="#e07020")
    circle = '<circle cx="16" cy="18" r="12" fill="#e07020"/>'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{circle}</svg>'
    fluent, noto = tmp_path / "fluent", tmp_path / "noto"
    for folder in (fluent / "assets", fluent / "docs", noto / "png/512", noto / "png/32", noto / "svg"):
        folder.mkdir(parents=True)
    face.save(fluent / f"assets/{FOX}_3d.png")
    (fluent / f"assets/{FOX}_flat.svg").write_text(svg)
    face.save(noto / f"png/512/emoji_u{FOX}.png")
    face.save(noto / f"png/32/emoji_u{FOX}.png")
    (noto / f"svg/emoji_u{FOX}.svg").write_text(svg)
    for folder in (fluent, noto):
        (folder / "LICENSE").write_text("free")
        (folder / "other").write_text("not asked for")
    return repository(fluent, build.FLUENT), repository(noto, build.NOTO)


def test_a_source_is_fetched_once_and_no_more_than_is_asked(sources: tuple[Source, Source], tmp_path: Path) -> None:
    _, noto = sources
    folder = noto.fetch(tmp_path / "got")
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and ".git" not in p.parts}
    assert files == {".complete", "LICENSE", f"png/512/emoji_u{FOX}.png", f"svg/emoji_u{FOX}.svg"}
    shutil.rmtree(tmp_path / "noto")
    assert noto.fetch(tmp_path / "got") == folder, "what is there is not fetched again"


def test_an_interrupted_fetch_is_taken_up(sources: tuple[Source, Source], tmp_path: Path) -> None:
    fluent, _ = sources
    with pytest.raises(subprocess.CalledProcessError):
        dataclasses.replace(fluent, commit="0" * 40).fetch(tmp_path / "got")
    assert (fluent.fetch(tmp_path / "got") / f"assets/{FOX}_3d.png").exists()


@pytest.mark.skipif(not shutil.which("rsvg-convert"), reason="rsvg-convert is missing: apt-get install librsvg2-bin")
def test_a_pack_is_built(sources: tuple[Source, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fox of the tables, one of its whole bodies, and a barn: the same steps as for all 982 things."""
    monkeypatch.setattr(build, "FLUENT", sources[0])
    monkeypatch.setattr(build, "NOTO", sources[1])
    rows = [row for row in tables.read() if row.concept in ("fox", "barn")]
    monkeypatch.setattr(tables, "read", lambda: rows)
    monkeypatch.setattr(register, "ART", {"fox-sit": register.ART["fox-sit"]})
    monkeypatch.setattr(things, "THINGS", {"barn": things.THINGS["barn"]})

    pack = build.build(tmp_path / "work")

    records = [(s["concept"], s["style"], s["view"], s["codepoint"]) for s in pack.sprites]
    styles = ("3d", "flat", "cartoon")
    faces = [("fox", style, "face", FOX) for style in styles]
    barns = [("barn", style, "object", "x-barn") for style in styles]
    bodies = [("fox", style, "body", "x-fox-sit") for style in styles]
    assert records == faces + barns + bodies
    assert {c["concept"]: c["n_sprites"] for c in pack.concepts} == {"fox": 6, "barn": 3}
    assert all(sprite["main_color"] == "orange" for sprite in pack.sprites if sprite["concept"] == "fox")
    for sprite, pixels in zip(pack.sprites, pack.pixels):
        visible = pixels[..., 3] > 128
        assert 0.1 < visible.mean() < 1 and visible[-1].any(), sprite
        assert max(sprite["bbox_w"], sprite["bbox_h"]) == 176
    heads = [pack.pixels[i] for i, sprite in enumerate(pack.sprites) if sprite["codepoint"] == "x-fox-sit"]
    assert all((abs(head[..., :3].astype(int) - (224, 112, 32)).sum(-1) < 60).any() for head in heads), "its own face"
