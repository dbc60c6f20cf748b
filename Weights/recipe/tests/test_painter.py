"""The painter: the same seed gives the same pixels, and captions agree with what was drawn."""

from __future__ import annotations

import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import micro
from PIL import Image, ImageDraw

from recipe.config import Painter
from recipe.feed import Feed, Painting, Shape, source_of
from recipe.painter import Library, Scene, SceneRenderer, SceneSampler
from recipe.painter import parameters as P
from recipe.painter.cutouts import repaint
from recipe.painter.library import Concept, Sprite
from recipe.painter.palette import COLOR_SYNONYMS, COLORS, OWN_COLOR_SHARE, PAINTS
from recipe.painter.places import PLACES, TIMES, all_phrases, count, filled
from recipe.painter.selection import SelectedScenes
from recipe.painter.settings import SETTINGS
from recipe.painter.wording import NUMBERS, STYLE_PHRASES
from recipe.sprites.pack import Pack
from recipe.workspace import Workspace

SAMPLES = 1500


@pytest.fixture(scope="module")
def pack(home: Path) -> Pack:
    return Pack.from_folder(home / "cut-outs")


@pytest.fixture(scope="module")
def library(pack: Pack) -> Library:
    return Library.of(pack.sprites, pack.concepts)


@pytest.fixture(scope="module")
def scenes(library: Library) -> list[Scene]:
    sampler = SceneSampler(library, seed=3)
    return [sampler.sample() for _ in range(SAMPLES)]


def render(pack: Pack, scenes: list[Scene], height: int, width: int, seed: int = 0) -> torch.Tensor:
    renderer = SceneRenderer(torch.from_numpy(pack.pixels), torch.from_numpy(pack.hues))
    backdrops = torch.from_numpy(np.stack([s.backdrop for s in scenes]))
    layers = torch.from_numpy(np.stack([s.layers for s in scenes]))
    return renderer.render(backdrops, layers, height, width, torch.Generator().manual_seed(seed))


def test_same_seed_same_pixels(pack: Pack, library: Library) -> None:
    pictures = []
    for _ in range(2):
        sampler = SceneSampler(library, seed=5)
        pictures.append(render(pack, [sampler.sample() for _ in range(24)], 48, 64))
    assert torch.equal(*pictures)
    assert pictures[0].min() >= 0 and pictures[0].max() <= 1
    assert not torch.equal(pictures[0], render(pack, [SceneSampler(library, 6).sample() for _ in range(24)], 48, 64))


def test_every_setting_paints(pack: Pack, library: Library) -> None:
    sampler = SceneSampler(library, seed=1)
    for name in SETTINGS:
        drawn = [sampler.sample(scene=name) for _ in range(3)]
        pictures = render(pack, drawn, 48, 48)
        assert torch.isfinite(pictures).all()
        assert all(s.labels.scene == name for s in drawn)


def test_captions_name_what_was_drawn(scenes: list[Scene], library: Library) -> None:
    for scene in scenes:
        for name in scene.labels.concepts:
            concept = library.concepts[name]
            assert any(word in scene.caption for word in (name, concept.plural, *concept.synonyms)), scene.caption
        if scene.labels.kind == "none":
            assert any(phrase in scene.caption for phrase in all_phrases(PLACES[scene.labels.scene]))
        else:
            assert scene.class_index == library.classes.index(scene.labels.concepts[0])


def test_captions_claim_no_other_time_or_style(scenes: list[Scene]) -> None:
    for scene in scenes:
        for time, words in TIMES.items():
            if any(scene.caption.endswith(" " + phrase) for phrase in all_phrases(words)):
                assert scene.labels.time == time, scene.caption
        for style, phrases in STYLE_PHRASES.items():
            if any(scene.caption.endswith(", " + phrase) for phrase in phrases):
                assert scene.labels.style == style, scene.caption


def test_counts_and_colors_are_in_the_layers(scenes: list[Scene], pack: Pack) -> None:
    counted = colored = 0
    for scene in scenes:
        labels = scene.labels
        if labels.kind == "none":
            continue
        mine = [
            row
            for row in scene.layers
            if row[P.SPRITE] >= 0 and pack.sprites[int(row[P.SPRITE])]["concept"] == labels.concepts[0]
        ]
        if labels.kind == "many":
            assert len(mine) == labels.count
            assert any(word in scene.caption for word in NUMBERS[labels.count])
            counted += 1
        said = [c for c in COLORS if c == labels.color]
        if said and any(f" {word} " in f" {scene.caption} " for word in COLOR_SYNONYMS.get(said[0], said)):
            own = pack.sprites[int(mine[0][P.SPRITE])]["main_color"]
            assert own == said[0] or any(row[P.REPAINT] != P.KEEP for row in scene.layers)
            colored += 1
    assert counted > 50 and colored > 50


def test_what_is_said_is_in_the_caption(scenes: list[Scene]) -> None:
    """And nothing is said that the labels do not know of."""
    told: Counter = Counter()
    for scene in scenes:
        labels, caption = scene.labels, f" {scene.caption} "
        words = dict(
            time=[*all_phrases(TIMES[labels.time])] if labels.time else [],
            style=STYLE_PHRASES[labels.style],
            color=[f" {word} " for word in COLOR_SYNONYMS.get(labels.color, [labels.color])],
        )
        if labels.scene != "plain":
            words["scene"] = [*all_phrases(PLACES[labels.scene])]
        for name, phrases in words.items():
            if name in labels.said:
                assert any(phrase in caption for phrase in phrases), (name, scene.caption)
                told[name] += 1
            elif name in ("time", "style"):  # a ground may have a thing's colour, and the sun is "in the sky" anywhere
                assert not any(f" {phrase} " in caption for phrase in phrases), (name, scene.caption)
        assert ("concepts" in labels.said) == (labels.kind != "none")
    assert min(told.values()) > 100, told


def test_places_have_several_hundred_names_and_share_none() -> None:
    assert PLACES.keys() == SETTINGS.keys() - {"plain"}
    of: dict[str, set[str]] = {}
    for name, words in (PLACES | TIMES).items():
        assert count(words) >= (300 if name in PLACES else 25), name
        every, left_out = set(all_phrases(words)), set(all_phrases(words, left_out=True))
        assert left_out and not every & left_out
        for phrase in every | left_out:
            assert "*" not in phrase and "  " not in phrase and phrase == phrase.strip()
            of.setdefault(phrase, set()).add(name)
    assert not {phrase: names for phrase, names in of.items() if len(names) > 1}


@pytest.mark.parametrize(
    "phrase, adjective, words",
    [
        ("in the *snow", "deep", "in the deep snow"),
        ("in an *autumn park", "quiet", "in a quiet autumn park"),
        ("in a *forest", "old", "in an old forest"),
        ("in an *autumn park", "", "in an autumn park"),
        ("*skyscrapers", "tall", "tall skyscrapers"),
        ("underwater", "blue", "underwater"),
    ],
)
def test_adjectives_come_with_their_article(phrase: str, adjective: str, words: str) -> None:
    assert filled(phrase, adjective) == words


def test_words_left_out_are_for_measuring(home: Path, library: Library) -> None:
    def captions(painter: Painter) -> list[Scene]:
        stream = SelectedScenes(library, painter, lambda caption: True)
        return [stream.sample(1.0) for _ in range(400)]

    for left_out in (False, True):
        told = 0
        for scene in captions(micro(home, f"painter.left_out_words={str(left_out).lower()}").painter):
            if "scene" in scene.labels.said and scene.labels.scene != "plain":
                ways = all_phrases(PLACES[scene.labels.scene], left_out)
                assert any(phrase in scene.caption for phrase in ways), scene.caption
                told += 1
        assert told > 100


def test_left_is_left(scenes: list[Scene], pack: Pack) -> None:
    found = 0
    for scene in scenes:
        for phrase, sign in ((" to the left of ", 1), (" to the right of ", -1)):
            if scene.labels.kind == "two" and phrase in scene.caption:
                first, second = (
                    next(row[P.X] for row in scene.layers if pack.sprites[int(row[P.SPRITE])]["concept"] == name)
                    for name in scene.labels.concepts
                )
                assert (second - first) * sign > 0, scene.caption
                found += 1
    assert found > 10


def test_repainting_changes_the_hue(pack: Pack, library: Library) -> None:
    """A red ball painted blue is blue in the picture."""
    sampler = SceneSampler(library, seed=0)
    for _ in range(3000):
        scene = sampler.sample(concept="ball", scene="plain")
        if scene.labels.kind == "one" and scene.labels.color == "blue" and "white" in scene.caption:
            break
    red, _, blue = render(pack, [scene], 64, 64)[0].mean((1, 2))
    assert blue > red


def repainted(drawn: Image.Image, color: str, main_color: str, category: str = "object") -> np.ndarray:
    """A cut-out in another colour, as [S,S,3] in 0…255."""
    pixels = np.asarray(drawn.resize((P.SPRITE_SIZE, P.SPRITE_SIZE), Image.Resampling.NEAREST)).copy()[None]
    record = dict(index=0, concept="thing", style="3d", main_color=main_color)
    pack = Pack.of(pixels, [record], [dict(concept="thing", category=category)])
    paint, row = PAINTS[color], torch.zeros(1, P.LAYER_SIZE)
    row[0, P.REPAINT] = P.TO_NEUTRAL if paint.hue is None else P.TO_HUE
    row[0, P.HUE], row[0, P.SATURATION] = paint.hue or 0, paint.saturation
    row[0, P.GAIN], row[0, P.BIAS] = paint.gain, paint.bias
    rgb = torch.from_numpy(pixels).permute(0, 3, 1, 2)[:, :3].float() / 255
    return (repaint(rgb, row, torch.from_numpy(pack.hues))[0].permute(1, 2, 0) * 255).numpy()


def bus() -> tuple[Image.Image, dict[str, tuple[int, int]]]:
    """An orange one with more window than body, and where what is."""
    drawn = Image.new("RGBA", (176, 176))
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((8, 40, 168, 140), fill="#f0a030")
    pen.rectangle((16, 48, 160, 108), fill="#30a0f0")
    pen.ellipse((30, 120, 70, 160), fill="#201830")
    return drawn, dict(window=(80, 80), body=(124, 120), wheel=(140, 50))


def test_a_bus_is_called_and_painted_by_its_body() -> None:
    drawn, places = bus()
    record = dict(index=0, concept="bus", style="3d", main_color="blue")
    Pack.of(np.asarray(drawn)[None], [record], [dict(concept="bus", category="vehicle-land")])
    assert record["main_color"] == "orange"
    before = np.asarray(drawn)[..., :3].astype(float)
    green = repainted(drawn, "green", "orange", "vehicle-land")
    for name in ("window", "wheel"):
        assert np.abs(green[places[name]] - before[places[name]]).max() < 12, name
    red, most, blue = green[places["body"]]
    assert most > 1.5 * max(red, blue)
    # Where blue is all there is it stays: a scooter, a fish.
    plain = Image.new("RGBA", (176, 176), "#30a0f0")
    record = dict(index=0, concept="bus", style="3d", main_color="blue")
    assert Pack.of(np.asarray(plain)[None], [record], [dict(concept="bus", category="vehicle-land")]).hues[0] > 0
    assert record["main_color"] == "blue"


@pytest.mark.parametrize("color", ["blue", "green", "black"])
def test_a_white_thing_keeps_its_second_color(color: str) -> None:
    drawn = Image.new("RGBA", (176, 176), "#f0ecf8")
    ImageDraw.Draw(drawn).rectangle((0, 0, 175, 50), fill="#e02040")
    before, after = np.asarray(drawn)[..., :3].astype(float), repainted(drawn, color, "white")
    assert np.abs(after[20, 80] - before[20, 80]).max() < 6
    assert np.abs(after[120, 80] - before[120, 80]).max() > 60


@pytest.mark.parametrize("color", ["blue", "red", "yellow", "purple", "brown"])
def test_light_and_shade_stay(color: str) -> None:
    """Emoji shade orange by its hue, at one value: from dark to light it is as far afterwards."""
    shades = ["#e85010", "#f88020", "#ffb040"]
    drawn = Image.new("RGBA", (176, 176))
    for i, shade in enumerate(shades):
        ImageDraw.Draw(drawn).rectangle((0, 60 * i, 175, 60 * i + 59), fill=shade)
    light = np.array([0.299, 0.587, 0.114])
    before = [np.asarray(drawn)[30 + 55 * i, 80, :3] @ light for i in range(3)]
    after = [repainted(drawn, color, "orange")[30 + 55 * i, 80] @ light for i in range(3)]
    assert before == sorted(before) and after == sorted(after)
    assert after[2] / after[0] > 1 + 0.5 * (before[2] / before[0] - 1), (before, after)


def test_what_is_called_by_a_color_keeps_its_own() -> None:
    """A red fox is orange, as foxes are; a blue one is painted blue."""
    library = Library([Sprite(0, "fox", main_color="orange")], [Concept("fox", recolorable=True)])
    sampler = SceneSampler(library, seed=0)
    modes: dict[str, set] = {"red": set(), "orange": set(), "blue": set()}
    for _ in range(400):
        scene = sampler.sample(scene="plain")
        if scene.labels.kind in ("one", "many") and scene.labels.color in modes:
            modes[scene.labels.color].add(scene.layers[0][P.REPAINT])
    assert modes == {"red": {P.KEEP}, "orange": {P.KEEP}, "blue": {P.TO_HUE}}


def test_colors_said_are_often_the_things_own(scenes: list[Scene], library: Library) -> None:
    said = [s.labels for s in scenes if "color" in s.labels.said]
    own = sum(labels.color in library.own_colors(labels.concepts[0]) for labels in said) / len(said)
    assert OWN_COLOR_SHARE < own < OWN_COLOR_SHARE + 0.2  # by chance, too


def test_favourites_come_more_often(home: Path, library: Library) -> None:
    painter = micro(home, "painter.favourites=['kite', 'kite', 'ball']", "painter.favourite_share=0.75").painter
    stream = SelectedScenes(library, painter, lambda caption: True)
    drawn = [stream.sample(1.0).labels.concepts for _ in range(600)]
    mains = Counter(concepts[0] for concepts in drawn if concepts)
    assert set(mains) == set(library.names)
    assert mains["kite"] > 1.5 * mains["ball"] > 3 * mains["cube"]


def test_selection_keeps_to_itself(home: Path, library: Library) -> None:
    wanted = ["painter.concepts=['ball', 'fish']", "painter.settings=['snow']", "painter.styles=['3d']"]
    painter = micro(home, *wanted, "painter.kinds=['one']", "painter.looks=1", "painter.enlarge=1.2").painter
    stream = SelectedScenes(library, painter, lambda caption: len(caption) < 60)
    for _ in range(100):
        scene = stream.sample(1.0)
        assert set(scene.labels.concepts) <= {"ball", "fish"} and scene.labels.scene == "snow"
        assert scene.labels.style == "3d" and len(scene.caption) < 60
        assert scene.class_index == ["ball", "fish"].index(scene.labels.concepts[0])


@pytest.mark.parametrize(
    "override, message",
    [
        ("painter.concepts=['zebra']", "painter.concepts: there is no zebra"),
        ("painter.concepts=['ball', 'fish', 'ball']", "painter.concepts: ball is there twice"),
        ("painter.favourites=['zebra']", "painter.favourites: there is no zebra"),
        ("painter.settings=['moon']", "painter.settings: there is no moon"),
        ("painter.styles=['oil']", "painter.styles: there is no oil"),
        ("painter.kinds=['three']", "painter.kinds: there is no three"),
        ("painter.favourite_share=1.5", "expected 0 to 1"),
    ],
)
def test_what_the_painter_does_not_know_is_refused(home: Path, library: Library, override: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SelectedScenes(library, micro(home, override).painter, lambda caption: True)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_selection_that_nothing_fits_ends(home: Path, prepared: Workspace, workers: int) -> None:
    settings = micro(home, "painter.settings=['plain']", "painter.kinds=['none']")
    feed = Feed(source_of(settings, prepared, [Shape(32, 32)], size=4, context=24), workers)
    try:
        with pytest.raises(ValueError, match="no scene has these"):
            feed.next()
    finally:
        feed.close()


def test_feed_is_the_same_from_workers_and_from_the_middle(home: Path, prepared: Workspace) -> None:
    source = source_of(micro(home), prepared, [Shape(32, 32), Shape(48, 32)], size=4, context=24)
    inline = Feed(source)
    expected = [inline.next() for _ in range(5)]
    for feed, batches in (
        (Feed(source, workers=2), expected),
        (Feed(source, 0, [1], first=3), [expected[1], *expected[3:]]),
    ):
        try:
            for batch in batches:
                drawn = feed.next()
                assert (drawn.index, drawn.shape, drawn.captions) == (batch.index, batch.shape, batch.captions)
                assert torch.equal(drawn.layers, batch.layers) and torch.equal(drawn.ids, batch.ids)
        finally:
            feed.close()


def test_painting_repeats_its_grain(home: Path, prepared: Workspace) -> None:
    source = source_of(micro(home), prepared, [Shape(32, 32)], size=4, context=24)
    first, second = (Painting(micro(home), source, first=7).next()[1] for _ in range(2))
    assert torch.equal(first, second)


def test_the_real_pack_gives_the_same_scenes_everywhere(shared_pack: Path) -> None:
    """Numbers and captions of 300 scenes, against a checksum: whoever changes them changes it knowingly."""
    import json
    import tarfile

    with tarfile.open(shared_pack) as tar:
        records = [json.load(tar.extractfile(name)) for name in ("sprites.json", "concepts.json")]
    sampler = SceneSampler(Library.of(*records), seed=0)
    checksum = 0
    for i in range(300):
        scene = sampler.sample([1.0, 0.6, 1.67][i % 3])
        for part in (scene.caption.encode(), scene.backdrop.tobytes(), scene.layers.tobytes()):
            checksum = zlib.crc32(part, checksum)
    assert checksum == 0xF086CC0B
