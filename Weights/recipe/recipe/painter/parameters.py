"""The numbers that describe a scene to the renderer: one vector for its backdrop, one row for each cut-out."""

import numpy as np

_WIDTHS = {
    "sky_top": 3,
    "sky_bottom": 3,
    "horizon": 1,
    "ground_far": 3,
    "ground_near": 3,
    "noise": 1,
    "waves": 1,
    "stars": 1,
    "sun": 6,  # x, y, radius, colour
    "clouds": 4,  # strength, colour
    "far_hills": 8,  # kind, colour, base, amplitude, phase, frequency
    "near_hills": 8,
    "snowcap": 1,
    "snowfall": 1,
    "rain": 1,
    "bubbles": 1,
    "rays": 1,
    "nebula": 4,  # strength, colour
    "planks": 1,
    "furrows": 1,
    "road": 1,
    "ambient": 3,
    "seed": 1,
}


def _slots() -> dict[str, slice]:
    slots, start = {}, 0
    for name, width in _WIDTHS.items():
        slots[name] = slice(start, start + width)
        start += width
    return slots


SLOTS = _slots()
BACKDROP_SIZE = sum(_WIDTHS.values())
HILL_KINDS = {"none": 0, "hill": 1, "peak": 2, "city": 3, "sea": 4, "hedge": 5}

MAX_LAYERS = 12  # cut-outs in a scene, props included
LAYER_SIZE = 12
# Columns of a layer. Positions are shares of the frame: x of its width, the rest of its height.
SPRITE, X, BOTTOM, HEIGHT, FLIP, ROTATION, SHADOW, REPAINT, HUE, SATURATION, GAIN, BIAS = range(LAYER_SIZE)
KEEP, TO_HUE, TO_NEUTRAL = 0.0, 1.0, 2.0  # values of REPAINT
SPRITE_SIZE = 176  # pixels


class BackdropNumbers:
    """The backdrop's vector, written by name."""

    def __init__(self) -> None:
        self.values = np.zeros(BACKDROP_SIZE, np.float32)

    def put(self, name: str, *values) -> None:
        """Writes numbers, or one sequence of numbers, into the slot."""
        self.values[SLOTS[name]] = values if len(values) > 1 else values[0]
