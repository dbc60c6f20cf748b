"""The words of captions."""

from __future__ import annotations

import random

from .library import Concept, Sprite
from .palette import COLOR_SYNONYMS

STYLE_PHRASES = {
    "3d": ["3d render", "in 3d style", "3d", "3d style", "as a 3d render"],
    "flat": ["flat style", "in flat style", "flat design", "as flat vector art", "minimal flat illustration"],
    "cartoon": ["cartoon style", "in cartoon style", "cartoon", "as a cartoon", "drawn as a cartoon"],
}
TIME_PHRASE_CHANCE = {"day": 0.25, "overcast": 0.4, "sunset": 0.8, "night": 0.85}
PREFIXES = [
    "a picture of",
    "an illustration of",
    "an image of",
    "a drawing of",
    "a scene with",
    "a photo of",
    "an emoji of",
]
NUMBERS = {2: ["two", "2", "a pair of"], 3: ["three", "3"], 4: ["four", "4"], 5: ["five", "5"]}
BIG = ["big", "large", "huge", "giant"]
SMALL = ["small", "tiny", "little"]
SKINS = {"light": "light-skinned", "medium": "brown-skinned", "dark": "dark-skinned"}
# How two things stand, of which {0} is the scene's main one.
RELATIONS = {
    "and": ["{0} and {1}", "{0} next to {1}", "{0} with {1}", "{0} beside {1}"],
    "left": ["{0} to the left of {1}", "{0} on the left and {1} on the right", "{0} left of {1}"],
    "right": ["{0} to the right of {1}", "{0} on the right and {1} on the left", "{0} right of {1}"],
    "above": ["{0} above {1}", "{0} on top of {1}", "{0} over {1}", "{1} below {0}", "{1} under {0}"],
    "front": ["{0} in front of {1}", "{1} behind {0}"],
}


def article_for(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"


def noun(
    r: random.Random,
    concept: Concept,
    count: int = 1,
    color: str | None = None,
    size: str | None = None,
    sprite: Sprite | None = None,
) -> str:
    """A noun phrase such as "two blue cats", "a big dog", "an apple", now and then by a synonym."""
    word, article = concept.concept, concept.article
    by_gender = concept.gender_synonyms.get(sprite.gender) if sprite and sprite.gender else None
    by_color = concept.color_synonyms.get(color)
    if by_gender and count == 1 and r.random() < 0.7:
        word = r.choice(by_gender)
        article = article_for(word)
    elif by_color and count == 1 and r.random() < 0.5:
        word = r.choice(by_color)
        article, color = article_for(word), None
    elif concept.synonyms and count == 1 and r.random() < 0.25:
        word = r.choice(concept.synonyms)
        article = concept.synonym_articles.get(word, article_for(word))
    adjectives = [size] if size else []
    if color:
        adjectives.append(r.choice(COLOR_SYNONYMS.get(color, [color])))
    skin = sprite.skin if sprite else None
    if skin and r.random() < 0.4:
        adjectives.append(SKINS.get(skin, skin))
    if count > 1:
        return " ".join([r.choice(NUMBERS[count]), *adjectives, concept.plural or concept.concept + "s"])
    if adjectives and article in ("a", "an"):
        article = article_for(adjectives[0])
    if r.random() < 0.12 and article in ("a", "an"):
        article = r.choice(["the", "", "one"])
    return " ".join(part for part in [article, *adjectives, word] if part)
