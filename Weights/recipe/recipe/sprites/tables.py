"""Reads the concept tables: which emoji show what, under which names, where such things are found.

One concept a line; # starts a comment, a line in brackets sets defaults for those below it:

    [category size habitat flags view]
    codepoints|concept|synonym,synonym,…|options

codepoints  a comma list of 1f415 or 1f436@face; "-" joins a sequence, FE0F is left out
size        1…5, of the real thing
habitat     letters, see HABITATS; "-" for none
flags       r recolorable, f floats, s swims, - none
view        body, face, object, bust or full
options     sN size · h=ABC habitat · cat=x category · +r -r +f -f +s -s flags · art=some|the|a|an|- article
            pl=a_b plural · c=red main colour · view=x, view:3d=x view · -cartoon -3d -flat leave a style out
            key the art is bright on a dark tile: make the tile transparent · scene the art brings its own backdrop
            g also the man's and woman's forms · t also light, medium and dark skin
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from ..painter.library import STYLES
from . import colors, words

FOLDER = Path(__file__).parent / "tables"
HABITATS = dict(
    S="snow",
    F="forest",
    M="meadow",
    B="beach",
    O="ocean surface",
    U="underwater",
    D="desert",
    T="mountains",
    N="night sky",
    P="space",
    C="city street",
    Z="sunset field",
    R="rain",
    I="indoors room",
    A="farm",
    G="garden",
    L="lake",
    K="clouds",
    J="jungle",
    W="autumn park",
)
FLAGS = dict(r="recolorable", f="floats", s="swims")
TONES = dict(light="1f3fb", medium="1f3fd", dark="1f3ff")
ADULT, MAN, WOMAN = "1f9d1", "1f468", "1f469"
MALE_SIGN, FEMALE_SIGN = "-200d-2642", "-200d-2640"


class TableError(Exception):
    """A line that cannot be read; the message names it."""


@dataclass
class Row:
    """A line of a table."""

    concept: str
    article: str
    plural: str
    synonyms: list[str]
    category: str
    habitat: str
    size: int
    recolorable: bool
    floats: bool
    swims: bool
    views: dict[str, str]  # by style
    codepoints: list[tuple[str, str | None]] = field(default_factory=list)  # with a view of their own, or None
    left_out: set[str] = field(default_factory=set)  # styles
    own_backdrop: set[str] = field(default_factory=set)  # styles
    keyed: bool = False
    gendered: bool = False
    toned: bool = False
    main_color: str | None = None

    def forms(self, codepoint: str) -> list[tuple[str, str | None, str | None]]:
        """(code point, gender, skin) of every form of an emoji that is wanted."""
        base: list[tuple[str, str | None]] = [(codepoint, None)]
        if self.gendered and codepoint.startswith(ADULT):
            base += [(MAN + codepoint[5:], "man"), (WOMAN + codepoint[5:], "woman")]
        elif self.gendered:
            base += [(codepoint + MALE_SIGN, "man"), (codepoint + FEMALE_SIGN, "woman")]
        out = [(form, gender, None) for form, gender in base]
        for skin, modifier in TONES.items() if self.toned else ():
            chosen = base if not self.gendered else base[:1] if skin == "light" else base[1:]
            for form, gender in chosen:
                first, *rest = form.split("-")
                out.append(("-".join([first, modifier, *rest]), gender, skin))
        return out


def read(folder: Path = FOLDER) -> list[Row]:
    """All tables in order; colours by hand and clean synonyms included."""
    rows, seen = [], {}
    for path in sorted(folder.glob("*.txt")):
        for number, row in _lines(path):
            if row.concept in seen:
                raise TableError(f"{path}:{number}: {row.concept} twice (also {seen[row.concept]})")
            seen[row.concept] = f"{path}:{number}"
            rows.append(row)
    taken = {row.concept for row in rows} | {row.plural for row in rows}
    named = _main_colors(folder / "main_color.tsv")
    for row in rows:
        row.synonyms = [s for s in row.synonyms if s not in taken or s == row.plural]
        row.recolorable = row.recolorable and not words.COLOR_WORD.search(row.concept)
        row.main_color = named.get(row.concept, row.main_color)
    return rows


def read_added(folder: Path = FOLDER) -> list[tuple[str, str, list[str]]]:
    """(concept, view, names of drawings), which come after all others so that their indices stay."""
    return [(concept, view, names.split(",")) for concept, view, names in _tabbed(folder / "added.tsv")]


def _tabbed(path: Path) -> list[list[str]]:
    lines = (line.strip() for line in path.read_text().splitlines())
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def _main_colors(path: Path) -> dict[str, str]:
    return {concept: color for color, concepts in _tabbed(path) for concept in concepts.split(",")}


def _lines(path: Path) -> list[tuple[int, Row]]:
    rows, defaults = [], None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line, where = line.strip(), f"{path}:{number}"
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            defaults = line[1:-1].split()
            continue
        fields = line.split("|")
        if len(fields) not in (3, 4) or defaults is None:
            raise TableError(f"{where}: expected codepoints|concept|synonyms|options below a line in brackets")
        row = _row(fields, defaults)
        for option in fields[3].split() if len(fields) == 4 else []:
            if not (_set_value(row, option) or _set_switch(row, option)):
                raise TableError(f"{where}: bad option {option}")
        if set(row.habitat) - set(HABITATS):
            raise TableError(f"{where}: no such habitat in {row.habitat}")
        if row.main_color and row.main_color not in colors.NAMES:
            raise TableError(f"{where}: no such colour: {row.main_color}")
        row.synonyms = [s for s in dict.fromkeys(row.synonyms) if s not in (row.concept, row.plural)]
        rows.append((number, row))
    return rows


def _row(fields: list[str], defaults: list[str]) -> Row:
    category, size, habitat, flags, view = defaults
    concept = fields[1].strip()
    row = Row(
        concept,
        words.article(concept),
        words.plural(concept),
        [s.strip() for s in fields[2].split(",") if s.strip()],
        category,
        "" if habitat == "-" else habitat,
        int(size),
        *(letter in flags for letter in FLAGS),
        views=dict.fromkeys(STYLES, view),
    )
    for item in fields[0].split(","):
        codepoint, _, own_view = item.strip().partition("@")
        row.codepoints.append((codepoint, own_view or None))
    return row


def _set_value(row: Row, option: str) -> bool:
    """Options of the form key=value."""
    key, separator, value = option.partition("=")
    if not separator:
        return False
    if key == "h":
        row.habitat = value
    elif key == "cat":
        row.category = value
    elif key == "pl":
        row.plural = value.replace("_", " ")
    elif key == "art":
        row.article = "" if value == "-" else value
    elif key == "c":
        row.main_color = value
    elif key == "view":
        row.views = dict.fromkeys(STYLES, value)
    elif key.startswith("view:"):
        row.views[key[5:]] = value
    else:
        return False
    return True


def _set_switch(row: Row, option: str) -> bool:
    if re.fullmatch(r"s[1-5]", option):
        row.size = int(option[1])
    elif option == "scene":
        row.own_backdrop |= set(STYLES)
    elif option.startswith("scene:"):
        row.own_backdrop.add(option[6:])
    elif option in ("key", "g", "t"):
        setattr(row, dict(key="keyed", g="gendered", t="toned")[option], True)
    elif option[0] == "-" and option[1:] in STYLES:
        row.left_out.add(option[1:])
    elif option[0] in "+-" and option[1:] in FLAGS:
        setattr(row, FLAGS[option[1:]], option[0] == "+")
    else:
        return False
    return True
