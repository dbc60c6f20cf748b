"""What there is to draw: concepts with their words, and the cut-outs that show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

STYLES = ["3d", "flat", "cartoon"]
HATS = ("top hat", "crown", "graduation cap", "baseball cap", "sun hat")
# What is called by a colour that its cut-outs do not have: a red fox is orange, and stays so.
NAMED_FOR = {"fox": ["red"], "squirrel": ["red"], "rat": ["brown"], "rhinoceros": ["white"], "shark": ["white"]}
HANDY = ("food", "drink", "sport", "instrument")  # categories of things that can be held


def _known(cls: type, record: dict) -> dict:
    names = {f.name for f in fields(cls)}
    return {k: v for k, v in record.items() if k in names}


@dataclass(frozen=True)
class Concept:
    """A thing and the words for it. `size` is 1 (a coin) … 5 (a house)."""

    concept: str
    article: str = "a"
    plural: str = ""
    synonyms: list[str] = field(default_factory=list)
    synonym_articles: dict[str, str] = field(default_factory=dict)
    color_synonyms: dict[str, list[str]] = field(default_factory=dict)
    gender_synonyms: dict[str, list[str]] = field(default_factory=dict)
    category: str = "object"
    habitat: list[str] = field(default_factory=list)
    size: int = 2
    floats: bool = False
    swims: bool = False
    recolorable: bool = False

    @classmethod
    def of(cls, record: dict) -> Concept:
        return cls(**_known(cls, record))

    @property
    def is_animal(self) -> bool:
        return self.category.startswith("animal")

    @property
    def weight(self) -> float:
        """How often it is drawn: animals more, faces less."""
        rare = {"face": 0.45, "object": 0.7, "person": 0.7, "clothing": 0.6}
        return rare.get(self.category, 1.6 if self.is_animal else 1.0)


@dataclass(frozen=True)
class Sprite:
    """A cut-out; `index` is its row in the pack."""

    index: int
    concept: str
    style: str = "3d"
    view: str = ""
    main_color: str | None = None
    gender: str | None = None
    skin: str | None = None

    @classmethod
    def of(cls, record: dict) -> Sprite:
        return cls(**_known(cls, record))

    @property
    def own_colors(self) -> set[str]:
        """Its main colour, and those that such a thing is called by."""
        return {self.main_color, *NAMED_FOR.get(self.concept, [])} - {None}


class Library:
    """Concepts by name, cut-outs by concept. `names` are those that may be a scene's subject."""

    def __init__(self, sprites: Iterable[Sprite], concepts: Iterable[Concept]) -> None:
        self.concepts = {c.concept: c for c in concepts}
        self.sprites: dict[str, list[Sprite]] = {}
        for sprite in sprites:
            self.sprites.setdefault(sprite.concept, []).append(sprite)
        self.names = [name for name in self.concepts if name in self.sprites]
        self.weights = [self.concepts[name].weight for name in self.names]
        self.hats = [name for name in self.names if name in HATS]
        self.handy = [
            name for name in self.names if self.concepts[name].size <= 1 or self.concepts[name].category in HANDY
        ]

    @property
    def classes(self) -> list[str]:
        """Class names in the order of their indices."""
        return sorted(self.names)

    def own_colors(self, name: str) -> list[str]:
        """Those of the concept's cut-outs."""
        return sorted(set().union(*(sprite.own_colors for sprite in self.sprites[name])))

    @classmethod
    def of(cls, sprites: list[dict], concepts: list[dict]) -> Library:
        return cls(map(Sprite.of, sprites), map(Concept.of, concepts))
