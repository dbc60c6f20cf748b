"""The words for places and times: several hundred ways to name each, made from lists.

Turns of phrase are to mean what they say: snow may be deep, and a thing may stand, sit or wait in it, without being
under water. Every fourth entry of a list is left out of training, so that one can measure what else the model
understands.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

ON_FOOT = (
    *("standing", "sitting", "resting", "posing"),
    *("waiting", "alone", "all alone", "lying"),
    *("walking", "seen", "playing", "lost"),
)
AFLOAT = ("floating", "drifting", "resting", "bobbing", "alone", "seen", "moving", "gliding")
IN_THE_AIR = ("flying", "floating", "hovering", "soaring", "gliding", "drifting", "high up", "seen")
DIVING = ("swimming", "floating", "diving", "drifting", "resting", "seen", "exploring", "gliding")


@dataclass(frozen=True)
class Words:
    """Phrases in which `*` is where adjectives may stand, and what may come before them."""

    where: tuple[str, ...]  # "in the *snow": after a subject
    alone: tuple[str, ...]  # "a *snowy landscape": where there is no subject
    adjectives: tuple[str, ...]
    leads: tuple[str, ...] = ON_FOOT


PLACES = {
    "snow": Words(
        where=(
            *("in *snow", "in the *snow", "on *snow", "covered in *snow"),
            *("in a *snowy field", "in a *snowy landscape", "in *winter", "in the white winter"),
            *("on a *snowy hill", "in a *winter landscape", "on a *winter day", "on *snowy ground"),
        ),
        alone=("a *snowy landscape", "a *winter landscape", "a *field of snow", "a *snowfield", "a *snowy hill"),
        adjectives=("deep", "fresh", "white", "powdery", "soft", "thick", "cold", "glittering", "deep white"),
    ),
    "forest": Words(
        where=(
            *("in a *forest", "in the *forest", "in the *woods", "in *woodland"),
            *("among *trees", "between *trees", "under *trees", "in a *grove"),
            *("on a *forest floor", "in a *pine forest", "in a clearing of a *forest", "in a *wood"),
        ),
        alone=("a *forest", "a *forest with trees", "the *woods", "a *woodland", "*trees in a forest"),
        adjectives=("deep", "green", "dense", "shady", "thick", "quiet", "old", "leafy", "tall"),
    ),
    "meadow": Words(
        where=(
            *("in a *meadow", "in a *green field", "on *grass", "on a *lawn"),
            *("on the *grass", "in a *field", "on a *green hill", "in *pasture"),
            *("in the *grass", "in *tall grass", "on a *meadow", "in the *countryside"),
        ),
        alone=("a *green meadow", "a *grassy field", "*green hills", "a *pasture", "a *grassland"),
        adjectives=("green", "wide", "fresh", "lush", "soft", "flowery", "open", "grassy", "quiet"),
    ),
    "beach": Words(
        where=(
            *("on a *beach", "at the *beach", "on the *sand by the sea", "on the *shore"),
            *("on a *sandy beach", "by the *sea", "on *sand", "on the *coast"),
            *("at the *seaside", "on an *island beach", "near the *sea", "along the *waterside"),
        ),
        alone=("a *beach", "a *sandy beach with the sea", "a *seashore", "a *coast", "a *shore with sand"),
        adjectives=("sandy", "wide", "tropical", "golden", "quiet", "warm", "long", "palm-lined", "sunny"),
    ),
    "ocean": Words(
        where=(
            *("in the *ocean", "on the *sea", "at *sea", "on the *high seas"),
            *("on the *ocean", "on the *water of the sea", "in the *sea", "out on the *waves"),
            *("on *waves", "on an *ocean", "in the middle of the *ocean", "upon the *billows"),
        ),
        alone=("the *ocean", "the *sea", "*ocean waves", "a *seascape", "the *open sea"),
        adjectives=("wide", "blue", "open", "rolling", "calm", "vast", "endless", "choppy", "big"),
        leads=AFLOAT,
    ),
    "underwater": Words(
        where=(
            *("underwater", "under the *sea", "in the *deep sea", "beneath the *waves"),
            *("under *water", "below the *surface of the sea", "at the bottom of the *sea", "on the *seabed"),
            *("on the *sea floor", "deep in the *ocean", "under the *waves", "among *corals"),
        ),
        alone=("an *underwater scene", "the bottom of the *sea", "the *sea floor", "the *seabed", "a *coral reef"),
        adjectives=("blue", "clear", "deep", "dim", "cold", "tropical", "silent", "murky", "quiet"),
        leads=DIVING,
    ),
    "desert": Words(
        where=(
            *("in the *desert", "in a *desert", "on *sand dunes", "among *dunes"),
            *("on a *dune", "in a *sandy desert", "in the *dunes", "in *desert sand"),
            *("in a *wasteland of sand", "on *desert ground", "in a *desert landscape", "in the *Sahara"),
        ),
        alone=("a *desert", "*desert dunes", "a *desert landscape", "*dunes of sand", "a *sandy desert"),
        adjectives=("hot", "dry", "sandy", "scorching", "vast", "empty", "dusty", "barren", "wide"),
    ),
    "mountains": Words(
        where=(
            *("in the *mountains", "in front of *mountains", "on a *mountain", "below *peaks"),
            *("near *snowy mountains", "among *mountains", "in front of *snowy peaks", "in the *highlands"),
            *("on a *mountain top", "at the foot of a *mountain", "in a *mountain valley", "in the *Alps"),
        ),
        alone=("*mountains", "a *mountain landscape", "*snowy peaks", "a *mountain range", "a *mountain valley"),
        adjectives=("high", "rocky", "tall", "rugged", "steep", "wild", "distant", "craggy", "big"),
    ),
    "space": Words(
        where=(
            *("in *space", "in *outer space", "among the stars", "in the *cosmos"),
            *("in the *galaxy", "in the *universe", "between planets", "in orbit"),
            *("in the *depths of space", "far out in *space", "among planets and stars", "in the *void"),
        ),
        alone=("*outer space", "*stars and planets in space", "the *universe", "a *galaxy", "*space with planets"),
        adjectives=("deep", "endless", "starry", "infinite", "vast", "cold", "far", "boundless", "wide"),
        leads=IN_THE_AIR,
    ),
    "city": Words(
        where=(
            *("in the *city", "on a *city street", "in front of *skyscrapers", "in a *metropolis"),
            *("on the *street", "in *town", "in a *city", "between *buildings"),
            *("in front of a *skyline", "in the *streets", "in a *town", "downtown"),
        ),
        alone=("a *city", "a *city skyline", "*skyscrapers", "a *town", "a *city street"),
        adjectives=("big", "busy", "modern", "crowded", "large", "quiet", "gray", "bustling", "tall"),
    ),
    "rain": Words(
        where=(
            *("in the *rain", "in *rain", "on a *rainy day", "in a *downpour"),
            *("under the *rain", "in *rainy weather", "in a *rain shower", "in the *drizzle"),
            *("getting wet in the *rain", "while it rains", "on a *wet day", "in *wet weather"),
        ),
        alone=("a *rainy day", "*rain", "a *rain shower", "a *downpour", "*rainy weather"),
        adjectives=("pouring", "heavy", "cold", "gentle", "gray", "steady", "strong", "dreary", "wet"),
    ),
    "room": Words(
        where=(
            *("in a *room", "indoors", "inside a *house", "in a *parlor"),
            *("in the *living room", "at home", "in a *bedroom", "in an *apartment"),
            *("inside a *room", "in the *house", "on the floor of a *room", "on a *wooden floor"),
        ),
        alone=("a *room", "a *living room", "the inside of a *house", "a *parlor", "a *furnished room"),
        adjectives=("cozy", "bright", "small", "tidy", "warm", "quiet", "large", "homely", "nice"),
    ),
    "farm": Words(
        where=(
            *("on a *farm", "in a *farm field", "in a *wheat field", "on *farmland"),
            *("in a *farmyard", "in the *fields", "in a *cornfield", "on a *ranch"),
            *("in a *field of wheat", "on the *farm", "in a *plowed field", "among *crops"),
        ),
        alone=("a *farm", "*farm fields", "a *wheat field", "*farmland", "a *farmyard"),
        adjectives=("golden", "wide", "old", "rural", "quiet", "fertile", "large", "rustic", "sunny"),
    ),
    "lake": Words(
        where=(
            *("on a *lake", "in a *lake", "by the *lake", "on a *pond"),
            *("in the *water", "on the *lake", "on the *water of a lake", "on a *lakeside"),
            *("in a *pond", "in the *lake", "by a *lake", "on *calm water"),
        ),
        alone=("a *lake", "a *calm lake with hills", "a *pond", "a *mountain lake", "a *lake with hills"),
        adjectives=("calm", "blue", "quiet", "glassy", "still", "clear", "small", "placid", "wide"),
        leads=AFLOAT,
    ),
    "sky": Words(
        where=(
            *("in the *sky", "above the *clouds", "in the *clouds", "in *midair"),
            *("high in the *sky", "up in the *air", "among *clouds", "between *clouds"),
            *("over the *clouds", "in the *air", "through the *clouds", "up in the *heavens"),
        ),
        alone=("*clouds in the sky", "a *sky with clouds", "a *cloudy sky", "the *heavens", "the *sky"),
        adjectives=("wide", "open", "fluffy", "airy", "high", "white", "big", "billowing", "soft"),
        leads=IN_THE_AIR,
    ),
    "autumn": Words(
        where=(
            *("in *autumn", "in an *autumn park", "among *autumn leaves", "in an *autumn wood"),
            *("in the *fall", "in *autumn leaves", "on *fallen leaves", "in *October"),
            *("in an *autumn landscape", "among *fall colors", "on an *autumn day", "in a *park in fall"),
        ),
        alone=("an *autumn park", "an *autumn landscape", "*fall colors", "an *autumn wood", "a *park in autumn"),
        adjectives=("golden", "colorful", "late", "crisp", "warm", "quiet", "early", "rustling", "mild"),
    ),
    "jungle": Words(
        where=(
            *("in the *jungle", "in a *jungle", "in a *rainforest", "in the *bush"),
            *("in the *rainforest", "in a *tropical forest", "deep in the *jungle", "in the *tropics"),
            *("among *tropical plants", "among *ferns and palms", "under *palm leaves", "in *undergrowth"),
        ),
        alone=("a *jungle", "a *tropical rainforest", "a *tropical forest", "the *undergrowth", "a *rainforest"),
        adjectives=("dense", "green", "wild", "steamy", "thick", "tropical", "lush", "humid", "deep"),
    ),
    "garden": Words(
        where=(
            *("in a *garden", "in the *garden", "among *flowers", "in a *flowerbed"),
            *("in a *flower garden", "between *flowers", "in front of a *hedge", "in the *backyard"),
            *("on a *garden lawn", "among *blossoms", "in a *rose garden", "beside a *hedge"),
        ),
        alone=("a *garden", "a *flower garden", "a *garden with a hedge", "a *backyard", "*flowers in a garden"),
        adjectives=("blooming", "green", "pretty", "fragrant", "small", "flowery", "lovely", "tended", "colorful"),
    ),
    "road": Words(
        where=(
            *("on a *road", "on the *road", "on a *highway", "on a *lane"),
            *("on an *asphalt road", "on a *country road", "on the *highway", "on the *pavement"),
            *("in the middle of a *road", "on a *freeway", "along a *road", "on *asphalt"),
        ),
        alone=("a *road", "an *asphalt road", "a *highway", "a *lane", "a *country road"),
        adjectives=("empty", "long", "straight", "deserted", "open", "gray", "wide", "lonely", "quiet"),
    ),
}

TIMES = {
    "day": Words(
        where=(
            *("on a *day", "in the daytime", "under a *sky", "at noon"),
            *("in the *morning", "in *daylight", "in the *afternoon", "by day"),
        ),
        alone=(),
        adjectives=("sunny", "clear", "bright", "fair", "blue", "beautiful", "fine", "cloudless"),
    ),
    "overcast": Words(
        where=(
            *("on a *day", "under a *sky", "under gray clouds", "below a *ceiling of clouds"),
            *("in *weather", "under heavy clouds"),
        ),
        alone=(),
        adjectives=("cloudy", "gray", "overcast", "leaden", "dull", "murky", "dim", "somber"),
    ),
    "sunset": Words(
        where=(
            *("at *sunset", "at *dusk", "during a *sunset", "at *twilight"),
            *("under an *orange sky", "at *dawn", "at *sunrise", "at *nightfall"),
            *("in the *evening", "in *evening light", "as the sun goes down", "at *daybreak"),
        ),
        alone=(),
        adjectives=("golden", "red", "glowing", "fiery", "warm", "colorful", "late", "burning"),
    ),
    "night": Words(
        where=(
            *("at night", "under the stars", "under a *night sky", "after dark"),
            *("in the dark", "at midnight", "in the *night", "by starlight"),
            *("on a *night", "late at night", "in the middle of the *night", "in darkness"),
        ),
        alone=(),
        adjectives=("starry", "dark", "clear", "black", "quiet", "deep", "cold", "silent"),
    ),
}
# These say nothing without an adjective.
BARE = ("on a *day", "under a *sky", "in *weather", "on a *night")

LEAD_CHANCE, ADJECTIVE_CHANCE = 0.2, 0.4


def taught(entries: tuple[str, ...], left_out: bool = False) -> list[str]:
    """The entries that training uses, or else the others: every fourth one."""
    return [entry for i, entry in enumerate(entries) if (i % 4 == 3) == left_out]


def filled(phrase: str, adjective: str) -> str:
    """ "in an *autumn park", "quiet" to "in a quiet autumn park"."""
    before, star, after = phrase.partition("*")
    if not star:
        return phrase
    *head, last = before.split(" ")[:-1] or [""]
    if last in ("a", "an"):
        last = "an" if (adjective or after)[0].lower() in "aeiou" else "a"
    return " ".join(word for word in (*head, last, adjective, after) if word)


def where(r: random.Random, words: Words, left_out: bool = False, leads: bool = True) -> str:
    """ "standing in deep snow". Where parts are left out of training each of the phrase is one of those."""
    phrase = r.choice(taught(words.where, left_out))
    result = filled(phrase, _adjective(r, phrase, words, left_out))
    if leads and (left_out or r.random() < LEAD_CHANCE):
        return f"{r.choice(taught(words.leads, left_out))} {result}"
    return result


def alone(r: random.Random, words: Words, left_out: bool = False) -> str:
    """ "a quiet forest"."""
    phrase = r.choice(taught(words.alone, left_out))
    return filled(phrase, _adjective(r, phrase, words, left_out))


def _adjective(r: random.Random, phrase: str, words: Words, left_out: bool) -> str:
    """One of those that the phrase does not have already, or none."""
    needed = left_out or phrase in BARE or r.random() < ADJECTIVE_CHANCE
    if "*" not in phrase or not needed:
        return ""
    fresh = [a for a in taught(words.adjectives, left_out) if not set(a.split()) & set(phrase.replace("*", "").split())]
    return r.choice(fresh) if fresh else ""


def all_phrases(words: Words, left_out: bool = False) -> Iterator[str]:
    """Every one without a lead."""
    for phrase in itertools.chain(taught(words.where, left_out), taught(words.alone, left_out)):
        for adjective in taught(words.adjectives, left_out) + ([] if phrase in BARE else [""]):
            yield filled(phrase, adjective if "*" in phrase else "")


def count(words: Words) -> int:
    """How many ways there are to say it in training, leads included."""
    return len({*all_phrases(words)}) * (1 + len(taught(words.leads)))
