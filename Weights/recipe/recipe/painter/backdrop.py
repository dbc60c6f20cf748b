"""Draws a random backdrop for a setting: sky, ground, hills, weather.

The order of the calls to `r` is part of the format: it decides what a seed gives.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from .palette import AMBIENT, CLOUDS, GROUNDS, SKIES
from .parameters import HILL_KINDS, BackdropNumbers
from .settings import Setting

NO_HORIZON = 2.0
AMPLITUDES = {"hill": (0.03, 0.08), "peak": (0.10, 0.26), "city": (0.10, 0.30), "hedge": (0.01, 0.02)}


@dataclass
class Backdrop:
    """`horizon` ≥ 1: no ground is seen. `time` is None on a plain ground."""

    numbers: BackdropNumbers
    horizon: float
    time: str | None = None
    phrase: str = ""  # of a plain ground
    extras: list[str] = field(default_factory=list)  # what else could be said


def jitter(r: random.Random, color, amount: float = 0.04) -> list[float]:
    return [min(1, max(0, v + r.uniform(-amount, amount))) for v in color]


def plain_backdrop(r: random.Random, numbers: BackdropNumbers) -> Backdrop:
    if r.random() < 0.5:
        name = r.choice(list(GROUNDS))
        color = jitter(r, GROUNDS[name], 0.05)
        pattern = r.choice(["on a %s background", "with a %s background", "on %s", "against a %s background"])
        phrase = pattern % name
    else:
        name, color = "white", [1, 1, 1]
        phrase = r.choice(["on a white background", "", "", "isolated", "sticker", "icon"])
    numbers.put("sky_top", color)
    numbers.put("sky_bottom", color if name == "white" else [min(1, v * r.uniform(0.94, 1.04)) for v in color])
    numbers.put("horizon", NO_HORIZON)
    numbers.put("ambient", (1, 1, 1))
    return Backdrop(numbers, NO_HORIZON, phrase=phrase)


def outdoor_backdrop(r: random.Random, numbers: BackdropNumbers, name: str, setting: Setting) -> Backdrop:
    """Any setting but the plain one; rooms and water bring their own `flat` colours."""
    time = r.choice(setting.skies)
    top, bottom = r.choice(SKIES[time])
    if setting.flat:
        top, bottom = r.choice(setting.flat)
    numbers.put("sky_top", jitter(r, top))
    numbers.put("sky_bottom", jitter(r, bottom))
    horizon = r.uniform(*setting.horizon)
    numbers.put("horizon", horizon)
    ambient = np.array(setting.ambient or AMBIENT[time], np.float32)
    light = np.ones(3, np.float32) if setting.flat else ambient
    if setting.ground:
        near, far = r.choice(setting.ground)
        numbers.put("ground_near", np.array(jitter(r, near)) * light)
        numbers.put("ground_far", np.array(jitter(r, far)) * light)
    numbers.put("noise", setting.noise * r.uniform(0.6, 1.4))
    numbers.put("waves", setting.waves * r.uniform(0.6, 1.4))
    numbers.put("ambient", ambient)
    by_night = 1.0 if time == "night" and not setting.flat else 0
    numbers.put("stars", by_night if setting.stars is None else setting.stars)
    for effect in ("snowcap", "rays", "bubbles", "rain", "planks", "furrows", "road"):
        numbers.put(effect, getattr(setting, effect))
    if setting.nebula:
        strength = r.uniform(0.3, 1) * setting.nebula
        numbers.put("nebula", strength, r.uniform(0.2, 0.8), r.uniform(0.05, 0.3), r.uniform(0.3, 0.9))
    backdrop = Backdrop(numbers, horizon, time)
    if not setting.flat and name != "rain":
        _open_sky(r, backdrop, setting)
    _hills(r, backdrop, name, setting, light)
    if setting.snowfall:
        falls = r.random() < setting.snowfall
        numbers.put("snowfall", 1.0 if falls else 0)
        if falls and r.random() < 0.4:
            backdrop.extras.append(r.choice(["with falling snow", "while it snows", "in a snowfall"]))
    return backdrop


def _open_sky(r: random.Random, backdrop: Backdrop, setting: Setting) -> None:
    """Sun or moon, and clouds."""
    numbers, time, ground = backdrop.numbers, backdrop.time, min(backdrop.horizon, 1)
    if time in ("day", "sunset") and r.random() < 0.35:
        color = (1, 0.93, 0.55) if time == "day" else (1, 0.72, 0.38)
        x, y, radius = r.uniform(0.1, 0.9), r.uniform(0.08, max(0.12, ground - 0.18)), r.uniform(0.035, 0.07)
        numbers.put("sun", x, y, radius, *color)
        if r.random() < 0.5:
            words = ["with the sun in the sky", "with a bright sun", "in the sunshine"]
            backdrop.extras.append(r.choice(words) if time == "day" else "with a setting sun")
    if time == "night" and r.random() < 0.5:
        x, y, radius = r.uniform(0.1, 0.9), r.uniform(0.08, max(0.12, ground - 0.2)), r.uniform(0.04, 0.08)
        numbers.put("sun", x, y, radius, 0.96, 0.95, 0.86)
        if r.random() < 0.6:
            backdrop.extras.append(r.choice(["with a full moon", "under the moon", "in the moonlight"]))
    clouds = setting.clouds or (1.0 if r.random() < (0.9 if time == "overcast" else 0.5) else 0)
    numbers.put("clouds", clouds * r.uniform(0.6, 1.0), *CLOUDS[time])


def _hills(r: random.Random, backdrop: Backdrop, name: str, setting: Setting, light: np.ndarray) -> None:
    for slot, (kind, color) in zip(("near_hills", "far_hills"), setting.hills):
        always = kind in ("sea", "hedge")
        if not (always or r.random() < 0.75 or name in ("mountains", "city")):
            continue
        base = backdrop.horizon - (r.uniform(0.06, 0.14) if slot == "far_hills" else r.uniform(0.0, 0.05))
        drawn = {k: r.uniform(*span) for k, span in AMPLITUDES.items()}  # all of them: the sequence is the format
        if kind == "sea":
            base = backdrop.horizon - r.uniform(0.10, 0.22)
        elif kind == "hedge":
            base = backdrop.horizon - r.uniform(0.06, 0.14)
        tinted = np.array(jitter(r, color, 0.05)) * light
        phase, frequency = r.uniform(0, 100), r.uniform(0.8, 1.6)
        backdrop.numbers.put(slot, HILL_KINDS[kind], *tinted, base, drawn.get(kind, 0), phase, frequency)
