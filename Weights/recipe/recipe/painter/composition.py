"""Puts subjects into a scene and says what was put there.

As in `backdrop`, the order of the calls to `r` is part of the format.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from .library import Concept, Library, Sprite
from .palette import COLOR_WEIGHTS, COLORS, OWN_COLOR_SHARE, PAINTS
from .parameters import KEEP, LAYER_SIZE, MAX_LAYERS, TO_HUE, TO_NEUTRAL
from .settings import Setting
from .wording import BIG, RELATIONS, SMALL, noun

Layer = tuple[float, tuple]  # depth (drawn from the smallest up), and the row of numbers


@dataclass
class Subject:
    """The part of the caption that names the subjects, and what is in it."""

    words: str
    concepts: list[str]
    color: str | None = None  # of the first concept: as said, or else its own
    count: int = 1
    said: list[str] = field(default_factory=list)  # which of the fields above the words tell

    @classmethod
    def of(cls, words: str, concepts: list[str], asked: str | None, sprite: Sprite, count: int = 1) -> Subject:
        """`asked`: the colour that the words give the first concept, or None; `sprite`: its cut-out."""
        said = ["concepts", "count"] + (["color"] if asked else [])
        return cls(words, concepts, asked or sprite.main_color, count, said)


@dataclass
class Composition:
    """A scene in the making; `aspect` is width over height."""

    r: random.Random
    library: Library
    style: str
    aspect: float
    scene: str
    horizon: float
    layers: list[Layer] = field(default_factory=list)

    # ---- choices
    def sprite(self, name: str, view: str | None = None) -> Sprite:
        """A cut-out in the scene's style; unless a view is asked for, whole bodies are preferred to faces."""
        every = self.library.sprites[name]
        fitting = [s for s in every if s.style == self.style] or every
        if view is None and any(s.view == "body" for s in fitting) and self.r.random() < 0.88:
            view = "body"
        if view:
            fitting = [s for s in fitting if s.view == view] or fitting
        return self.r.choice(fitting)

    def color(self, concept: Concept, chance: float) -> str | None:
        if not concept.recolorable or self.r.random() > chance:
            return None
        own = self.library.own_colors(concept.concept)
        if own and self.r.random() < OWN_COLOR_SHARE:
            return self.r.choice(own)
        return self.r.choices(COLORS, COLOR_WEIGHTS)[0]

    # ---- places
    def add(
        self,
        sprite: Sprite,
        x: float,
        bottom: float,
        height: float,
        depth: float,
        shadow: float = 0.0,
        color: str | None = None,
        upright: bool = False,
    ) -> None:
        """One cut-out: centre x as a share of the frame's width, bottom and height of its height."""
        flip, rotation = False, 0.0
        if not upright:
            flip = self.r.random() < 0.5
            rotation = self.r.gauss(0, 0.05) if self.r.random() < 0.5 else 0.0
        paint = PAINTS.get(color)
        mode = KEEP if paint is None else TO_NEUTRAL if paint.hue is None else TO_HUE
        hue, saturation, gain, bias = (0, 0, 0, 0) if paint is None else (paint.hue or 0, *paint[1:])
        place = (sprite.index, x, bottom, height, -1.0 if flip else 1.0, rotation, shadow)
        self.layers.append((depth, (*place, mode, hue, saturation, gain, bias)))

    def contact_shadow(self, strength: float) -> float:
        return strength if self.horizon < 1 else 0

    def stand(
        self, concept: Concept, sprite: Sprite, x: float, height: float, color: str | None, dy: float = 0.0
    ) -> float:
        """Places a subject where such a thing would be: on the ground, in the water, in the air. Returns its bottom."""
        r, wet = self.r, self.scene == "underwater"
        flying = concept.floats and self.scene != "room"
        if self.horizon >= 1 or wet or (flying and r.random() < 0.8):
            if wet and not (concept.swims or r.random() < 0.5):
                bottom, shadow = r.uniform(0.88, 0.97), 0.3
            else:
                bottom, shadow = 0.5 + height / 2 + r.uniform(-0.10, 0.10), 0
                if concept.floats and self.horizon < 1:
                    bottom = max(height + 0.04, min(self.horizon, 0.6) * r.uniform(0.55, 1.05))
        else:
            ground = r.uniform(min(self.horizon + 0.16, 0.86), 0.96)
            bottom, shadow = min(max(ground, height * 0.75 + 0.05), 0.97), 0.4
            if self.scene in ("ocean", "lake") and not concept.swims:
                shadow = 0.25
        self.add(sprite, x, bottom + dy, height, bottom, shadow, color)
        return bottom

    def props(self, setting: Setting, main: str) -> None:
        """Trees, shells, clouds: what stands about in such a place."""
        r = self.r
        if r.random() >= setting.prop_chance:
            return
        pool = [name for name in setting.props if name in self.library.sprites and name != main]
        for _ in range(r.randint(*setting.prop_count) if pool else 0):
            sprite = self.sprite(r.choice(pool))
            color = None
            if setting.autumn_trees and "tree" in sprite.concept:
                color = r.choice(["orange", "red", "yellow", "brown"])
            if setting.props_in_sky:
                x, bottom, height = r.uniform(0.05, 0.95), r.uniform(0.15, 0.7), r.uniform(0.10, 0.24)
                self.add(sprite, x, bottom, height, depth=-1)
            else:
                size = self.library.concepts[sprite.concept].size
                bottom = self.horizon + r.uniform(-0.01, 0.12)
                x = r.choice([r.uniform(-0.02, 0.3), r.uniform(0.7, 1.02), r.uniform(0, 1)])
                height = (0.12 + 0.045 * size) * r.uniform(0.8, 1.25)
                self.add(sprite, x, bottom, height, depth=bottom, shadow=0.25, color=color)

    def rows(self) -> np.ndarray:
        """[MAX_LAYERS, LAYER_SIZE], back to front; unused rows have sprite -1."""
        rows = np.zeros((MAX_LAYERS, LAYER_SIZE), np.float32)
        rows[:, 0] = -1
        for row, (_, numbers) in zip(rows, sorted(self.layers, key=lambda layer: layer[0])[-MAX_LAYERS:]):
            row[:] = numbers
        return rows

    # ---- subjects
    def several(self, main: Concept) -> Subject:
        """Two to five of a kind, in a row."""
        r = self.r
        count = r.choices([2, 3, 4, 5], [4, 3, 2, 1])[0]
        color = self.color(main, 0.3)
        view = r.choice(["face", "body"]) if r.random() < 0.5 else None
        sprite = self.sprite(main.concept, view)
        words = noun(r, main, count, color, sprite=sprite)
        height = {2: 0.42, 3: 0.33, 4: 0.28, 5: 0.24}[count] * min(self.aspect, 1)
        for i in range(count):
            x, h = (i + 0.5) / count + r.uniform(-0.03, 0.03), height * r.uniform(0.9, 1.1)
            self.stand(main, sprite, x, h, repaint(color, sprite), dy=r.uniform(-0.02, 0.02))
        return Subject.of(words, [main.concept], color, sprite, count)

    def pair(self, main: Concept) -> Subject:
        """Two different things and how they stand to each other."""
        r, library = self.r, self.library
        name = r.choices(library.names, library.weights)[0]
        while name == main.concept:
            name = r.choices(library.names, library.weights)[0]
        other = library.concepts[name]
        color1, color2 = self.color(main, 0.4), self.color(other, 0.4)
        sprite1, sprite2 = self.sprite(main.concept), self.sprite(name)
        paint1, paint2 = repaint(color1, sprite1), repaint(color2, sprite2)
        taller = (main.size - other.size) * 0.05
        height1 = min(0.56, max(0.26, 0.42 + taller)) * r.uniform(0.9, 1.1)
        height2 = min(0.56, max(0.26, 0.42 - taller)) * r.uniform(0.9, 1.1)
        if self.aspect < 1:
            narrow = max(0.7, self.aspect)
            height1, height2 = height1 * narrow, height2 * narrow
        noun1, noun2 = noun(r, main, 1, color1, sprite=sprite1), noun(r, other, 1, color2, sprite=sprite2)
        relation = r.choices(["and", "left", "right", "above", "front"], [0.45, 0.15, 0.15, 0.12, 0.13])[0]
        shadow = self.contact_shadow(0.4)
        if relation == "above":
            height1, height2 = min(height1, 0.40), min(height2, 0.42)
            x, bottom = r.uniform(0.3, 0.7), r.uniform(0.90, 0.97)
            self.add(sprite2, x, bottom, height2, bottom, shadow, paint2)
            x1, top = x + r.uniform(-0.05, 0.05), bottom - height2 - r.uniform(0.0, 0.06)
            self.add(sprite1, x1, top, height1, bottom + 0.01, color=paint1)
        elif relation == "front":
            x, side, bottom = r.uniform(0.35, 0.65), r.choice([-1, 1]), r.uniform(0.80, 0.86)
            self.add(sprite2, x + side * 0.13, bottom, max(height2, 0.45), bottom, shadow, paint2)
            self.add(sprite1, x - side * 0.12, 0.96, height1 * 0.95, 0.97, shadow, paint1)
        else:
            main_left = r.random() < 0.8 if relation == "and" else relation == "left"
            x1, x2 = (0.27, 0.73) if main_left else (0.73, 0.27)
            self.stand(main, sprite1, x1 + r.uniform(-0.05, 0.05), height1, paint1)
            self.stand(other, sprite2, x2 + r.uniform(-0.05, 0.05), height2, paint2)
        words = r.choice(RELATIONS[relation]).format(noun1, noun2)
        return Subject.of(words, [main.concept, name], color1, sprite1, 2)

    def single(self, main: Concept, kind: str) -> Subject:
        """One thing; of kind "wear" under a hat, of kind "with" beside something small."""
        r = self.r
        size = r.choices([None, "big", "small"], [0.8, 0.1, 0.1])[0]
        color = self.color(main, 0.42)
        heights = {None: r.uniform(0.44, 0.64), "big": r.uniform(0.74, 0.88), "small": r.uniform(0.2, 0.28)}
        height = heights[size] * (max(0.6, self.aspect) if self.aspect < 1 else 1)
        where = r.choices([None, "left", "right"], [0.86, 0.07, 0.07])[0]
        x = {None: 0.5 + r.gauss(0, 0.06), "left": r.uniform(0.2, 0.3), "right": r.uniform(0.7, 0.8)}[where]
        has_face = any(s.view == "face" for s in self.library.sprites[main.concept])
        hatted = kind == "wear" and bool(self.library.hats) and has_face
        if hatted:
            height, size = min(height, 0.5), None
        sprite = self.sprite(main.concept, "face" if hatted else None)
        adjective = r.choice(BIG if size == "big" else SMALL) if size else None
        words = noun(r, main, 1, color, adjective, sprite)
        if sprite.view == "face" and main.is_animal and r.random() < 0.5:
            words = words + " face" if r.random() < 0.7 else "the face of " + words
        bottom = self.stand(main, sprite, x, height, repaint(color, sprite))
        subject = Subject.of(words, [main.concept], color, sprite)
        if hatted:
            self._hat(subject, x, bottom, height)
        elif kind == "with" and self.library.handy:
            self._companion(subject, x, bottom, height)
        if where:
            subject.words += r.choice([f" on the {where}", f" on the {where} side"])
        return subject

    def _hat(self, subject: Subject, x: float, bottom: float, height: float) -> None:
        hat = self.r.choice(self.library.hats)
        self.add(self.sprite(hat), x, bottom - height * 0.82, height * 0.42, depth=2.0, upright=True)
        subject.words += " wearing " + noun(self.r, self.library.concepts[hat])
        subject.concepts.append(hat)

    def _companion(self, subject: Subject, x: float, bottom: float, height: float) -> None:
        r = self.r
        name = r.choice(self.library.handy)
        if name in subject.concepts:
            return
        concept = self.library.concepts[name]
        color, sprite = self.color(concept, 0.3), self.sprite(name)
        x += r.choice([-1, 1]) * (height * 0.42 + 0.06)
        own_height, shadow = height * r.uniform(0.35, 0.5), self.contact_shadow(0.3)
        self.add(sprite, x, min(0.97, bottom + 0.01), own_height, 2.0, shadow, repaint(color, sprite))
        joint = r.choice([" with ", " holding ", " and "])
        small = r.choice(SMALL) if r.random() < 0.3 else None
        subject.words += joint + noun(r, concept, 1, color, small, sprite)
        subject.concepts.append(name)


def repaint(color: str | None, sprite: Sprite) -> str | None:
    """The colour to paint it in; none where that is its own."""
    return None if color in sprite.own_colors else color
