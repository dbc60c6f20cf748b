"""Colours a thing can be repainted in, plain grounds, and the skies of each time of day."""

from typing import NamedTuple

RGB = tuple[float, float, float]


class Paint(NamedTuple):
    """How a colour changes a cut-out: its hue in turns (None: a neutral), and saturation and value, scaled."""

    hue: float | None
    saturation: float
    gain: float
    bias: float


PAINTS = {
    "red": Paint(0.995, 1.25, 0.95, 0.0),
    "orange": Paint(0.075, 1.3, 1.05, 0.03),
    "yellow": Paint(0.145, 1.25, 1.1, 0.10),
    "green": Paint(0.33, 1.0, 0.92, 0.0),
    "blue": Paint(0.60, 1.15, 1.0, 0.0),
    "purple": Paint(0.76, 1.0, 0.95, 0.0),
    "pink": Paint(0.92, 0.75, 1.1, 0.12),
    "turquoise": Paint(0.48, 1.05, 1.0, 0.03),
    "brown": Paint(0.065, 0.9, 0.62, 0.0),
    "black": Paint(None, 0.12, 0.32, 0.0),
    "white": Paint(None, 0.06, 0.45, 0.56),
    "gray": Paint(None, 0.05, 0.8, 0.05),
    "golden": Paint(0.125, 1.2, 1.05, 0.05),
}
COLORS = list(PAINTS)
COLOR_WEIGHTS = [3, 2, 2, 2.5, 3, 2.5, 2.5, 1.2, 1.2, 2, 2, 1, 1]
OWN_COLOR_SHARE = 1 / 3  # of the colours that are said: one that the thing has by nature
COLOR_SYNONYMS = {
    "gray": ["gray", "grey"],
    "golden": ["golden", "gold"],
    "turquoise": ["turquoise", "teal", "cyan"],
    "purple": ["purple", "violet"],
    "red": ["red", "red", "red", "crimson", "scarlet"],
}

GROUNDS: dict[str, RGB] = {
    "white": (1, 1, 1),
    "black": (0.04, 0.04, 0.05),
    "gray": (0.55, 0.56, 0.58),
    "red": (0.86, 0.18, 0.2),
    "orange": (0.98, 0.6, 0.22),
    "yellow": (1, 0.86, 0.32),
    "green": (0.42, 0.74, 0.4),
    "blue": (0.32, 0.55, 0.92),
    "purple": (0.6, 0.42, 0.82),
    "pink": (0.98, 0.7, 0.8),
    "turquoise": (0.3, 0.78, 0.78),
    "brown": (0.52, 0.36, 0.25),
}

TIMES = ["day", "overcast", "sunset", "night"]
# Of each time of day: its skies (colour at the top, colour at the horizon), the tint of its light, its clouds.
SKIES: dict[str, list[tuple[RGB, RGB]]] = {
    "day": [
        ((0.30, 0.60, 0.95), (0.78, 0.91, 1.0)),
        ((0.42, 0.70, 0.98), (0.86, 0.95, 1.0)),
        ((0.22, 0.52, 0.90), (0.66, 0.86, 0.98)),
    ],
    "overcast": [((0.62, 0.68, 0.74), (0.84, 0.87, 0.90)), ((0.55, 0.62, 0.68), (0.78, 0.82, 0.85))],
    "sunset": [
        ((0.36, 0.26, 0.55), (1.0, 0.62, 0.36)),
        ((0.55, 0.33, 0.52), (1.0, 0.72, 0.42)),
        ((0.80, 0.42, 0.38), (1.0, 0.80, 0.50)),
    ],
    "night": [
        ((0.02, 0.03, 0.12), (0.10, 0.14, 0.34)),
        ((0.03, 0.05, 0.16), (0.16, 0.17, 0.40)),
        ((0.01, 0.02, 0.08), (0.07, 0.12, 0.26)),
    ],
}
AMBIENT: dict[str, RGB] = {
    "day": (1, 1, 1),
    "overcast": (0.92, 0.94, 0.97),
    "sunset": (1.0, 0.88, 0.78),
    "night": (0.66, 0.70, 0.92),
}
CLOUDS: dict[str, RGB] = {
    "day": (1, 1, 1),
    "overcast": (0.9, 0.92, 0.94),
    "sunset": (1, 0.78, 0.66),
    "night": (0.20, 0.22, 0.36),
}
