"""The part of the painter's world that a model is trained on, as its configuration says."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from .library import STYLES, Library
from .parameters import BOTTOM, HEIGHT, SPRITE
from .sampler import KINDS, Scene, SceneSampler
from .settings import SETTING_NAMES

if TYPE_CHECKING:
    from ..config import Painter

TRIES = 20_000  # scenes, before a selection is given up; one in a few hundred is a strict one
MIDDLING = (0.35, 0.70)  # heights of a subject that may be enlarged


class SelectedScenes:
    """A stream of scenes that fit a selection; `fits` says whether a caption is short enough.

    `seed` can be set again at any time: the stream from there on depends on it alone.
    """

    def __init__(self, library: Library, painter: Painter, fits: Callable[[str], bool], seed: int = 0) -> None:
        self.painter, self.fits = painter, fits
        self.r = random.Random(seed)
        self.library = narrow(library, painter)
        self.sampler = SceneSampler(self.library, seed, painter.left_out_words)

    def seed(self, seed: int) -> None:
        self.r.seed(seed)
        self.sampler.r.seed(seed)

    def sample(self, aspect: float) -> Scene:
        painter = self.painter
        for _ in range(TRIES):
            concept = self._concept()
            setting = self.r.choice(painter.settings) if painter.settings else None
            scene = self.sampler.sample(aspect, concept, setting)
            if self._accepts(scene):
                break
        else:
            raise ValueError("painter: no scene has these settings, styles and kinds, and a short enough caption")
        if painter.enlarge != 1 and scene.labels.kind == "one":
            enlarge(scene, painter.enlarge)
        return scene

    def _concept(self) -> str | None:
        """The scene's subject; None where the sampler may choose among all."""
        painter = self.painter
        if painter.favourites and self.r.random() < painter.favourite_share:
            return self.r.choice(painter.favourites)
        return self.r.choice(self.library.names) if painter.concepts else None

    def _accepts(self, scene: Scene) -> bool:
        painter, labels = self.painter, scene.labels
        if painter.kinds and labels.kind not in painter.kinds:
            return False
        if painter.styles and labels.style not in painter.styles:
            return False
        if not self.fits(scene.caption):
            return False
        return labels.kind != "none" or painter.empty_share >= 1 or self.r.random() < painter.empty_share


def narrow(library: Library, painter: Painter) -> Library:
    """The library with the selected concepts as subjects and, if `looks` says so, few cut-outs of each.

    Where a style is selected its cut-outs come first, and whole bodies before faces.
    """
    check(library, painter)
    if not painter.concepts:
        return library
    narrowed = Library([s for sprites in library.sprites.values() for s in sprites], library.concepts.values())
    narrowed.names, narrowed.weights = list(painter.concepts), [1.0] * len(painter.concepts)
    for name in narrowed.names if painter.looks else []:
        sprites = narrowed.sprites[name]
        sprites = [s for s in sprites if s.style in painter.styles] or sprites
        sprites = [s for s in sprites if s.view == "body"] or sprites
        narrowed.sprites[name] = sprites[: painter.looks + (name in painter.two_looks)]
    return narrowed


def check(library: Library, painter: Painter) -> None:
    """Raises ValueError, one line, for a name that is not in the library or the painter's lists."""
    concepts = painter.concepts or library.names
    known = dict(
        concepts=library.names,
        favourites=concepts,
        two_looks=concepts,
        settings=SETTING_NAMES,
        styles=STYLES,
        kinds=KINDS,
    )
    for key, names in known.items():
        unknown = sorted(set(getattr(painter, key)) - set(names))
        if unknown:
            raise ValueError(f"painter.{key}: there is no {', '.join(unknown)}")
    twice = sorted({name for name in painter.concepts if painter.concepts.count(name) > 1})
    if twice:
        raise ValueError(f"painter.concepts: {', '.join(twice)} is there twice")
    if not 0 <= painter.favourite_share <= 1:
        raise ValueError(f"painter.favourite_share: expected 0 to 1, not {painter.favourite_share}")


def enlarge(scene: Scene, factor: float) -> None:
    """Scales a lone subject, which is the front layer, about its middle."""
    front = max(i for i, layer in enumerate(scene.layers) if layer[SPRITE] >= 0)
    layer = scene.layers[front]
    if MIDDLING[0] < layer[HEIGHT] < MIDDLING[1]:
        layer[BOTTOM] = min(0.98, layer[BOTTOM] + layer[HEIGHT] * (factor - 1) / 2)
        layer[HEIGHT] *= factor
