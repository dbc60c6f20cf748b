"""Draws whole scenes: caption, class, and the numbers that the renderer paints."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from .backdrop import outdoor_backdrop, plain_backdrop
from .composition import Composition, Subject
from .library import STYLES, Concept, Library
from .parameters import BackdropNumbers
from .places import PLACES, TIMES, alone, where
from .settings import HABITATS, SETTING_NAMES, SETTINGS
from .wording import PREFIXES, STYLE_PHRASES, TIME_PHRASE_CHANCE

NO_CLASS = -1
KINDS = ["one", "two", "many", "none", "wear", "with"]
KIND_WEIGHTS = [0.56, 0.2, 0.10, 0.03, 0.05, 0.06]


@dataclass
class Labels:
    """What was drawn; `kind` as in `KINDS`, "none" meaning an empty place.

    `said` names those of the other fields that the caption speaks of: it need not mention everything in the picture.
    """

    scene: str
    time: str | None
    style: str
    kind: str
    concepts: list[str] = field(default_factory=list)
    color: str | None = None
    count: int = 0
    said: list[str] = field(default_factory=list)


@dataclass
class Scene:
    """`backdrop` [BACKDROP_SIZE] and `layers` [MAX_LAYERS, LAYER_SIZE] are float32; see `parameters`."""

    caption: str
    class_index: int
    backdrop: np.ndarray
    layers: np.ndarray
    labels: Labels


class SceneSampler:
    """A stream of random scenes. The same library and seed give the same scenes, on any machine.

    `left_out_words`: places and times are named by what training leaves out.
    """

    def __init__(self, library: Library, seed: int = 0, left_out_words: bool = False) -> None:
        self.library, self.left_out_words = library, left_out_words
        self.class_of = {name: i for i, name in enumerate(library.classes)}
        self.r = random.Random(seed)

    def sample(self, aspect: float = 1.0, concept: str | None = None, scene: str | None = None) -> Scene:
        """One scene; `aspect` is width over height. A concept or a setting's name fixes that part of it."""
        r, library = self.r, self.library
        style_said = r.random() < 0.35
        style = r.choices(STYLES, [0.4, 0.3, 0.3] if style_said else [0.9, 0.05, 0.05])[0]
        main = library.concepts[concept or r.choices(library.names, library.weights)[0]]
        place = self._place(main, scene)
        setting = SETTINGS[place]
        kind = r.choices(KINDS, KIND_WEIGHTS)[0]
        if (place == "plain" and kind == "none") or (len(library.names) == 1 and kind == "two"):
            kind = "one"
        numbers = BackdropNumbers()
        numbers.put("seed", r.random() * 1000)
        plain = place == "plain"
        backdrop = plain_backdrop(r, numbers) if plain else outdoor_backdrop(r, numbers, place, setting)
        composition = Composition(r, library, style, aspect, place, backdrop.horizon)
        if not plain:
            composition.props(setting, main.concept)
        subject = self._subject(composition, main, kind)
        parts, said = [subject.words], subject.said
        if backdrop.phrase:
            parts.append(backdrop.phrase)
            said.append("scene")
        elif not plain and kind != "none" and r.random() < 0.85:
            parts.append(where(r, PLACES[place], self.left_out_words))
            said.append("scene")
        if backdrop.time:
            chance = setting.time_phrase_chance
            if r.random() < (TIME_PHRASE_CHANCE[backdrop.time] if chance is None else chance):
                parts.append(where(r, TIMES[backdrop.time], self.left_out_words, leads=False))
                said.append("time")
        if backdrop.extras and r.random() < 0.8:
            parts.append(backdrop.extras[0])
        caption = self._style_words(" ".join(parts), style if style_said else None)
        if style_said:
            said.append("style")
        labels = Labels(place, backdrop.time, style, kind, subject.concepts, subject.color, subject.count, said)
        index = NO_CLASS if kind == "none" else self.class_of[main.concept]
        return Scene(caption, index, numbers.values, composition.rows(), labels)

    def _place(self, main: Concept, scene: str | None) -> str:
        """A fifth of the scenes is plain, a third in the thing's own habitat, the rest anywhere."""
        habitats = [HABITATS.get(name, name) for name in main.habitat]
        habitats = [name for name in habitats if name in SETTINGS]
        u = self.r.random()
        if scene is not None:
            return scene
        if u < 0.20:
            return "plain"
        if u < 0.55 and habitats:
            return self.r.choice(habitats)
        return self.r.choice(SETTING_NAMES[:-1])

    def _subject(self, composition: Composition, main: Concept, kind: str) -> Subject:
        if kind == "none":
            words = alone(composition.r, PLACES[composition.scene], self.left_out_words)
            return Subject(words, [], count=0, said=["scene"])
        if kind == "many":
            return composition.several(main)
        if kind == "two":
            return composition.pair(main)
        return composition.single(main, kind)

    def _style_words(self, caption: str, style: str | None) -> str:
        r = self.r
        if r.random() < 0.12:
            caption = r.choice(PREFIXES) + " " + caption
        if style:
            words = r.choice(STYLE_PHRASES[style])
            if words == "3d render" and r.random() < 0.6:
                return f"a {words} of {caption}"
            return caption + r.choice([", ", " ", ", "]) + words
        return caption
