"""Hills, peaks, skylines, the sea at the horizon, and the ground."""

from __future__ import annotations

import torch
from torch import Tensor

from .frame import Frame, mix
from .parameters import HILL_KINDS


def paint(frame: Frame, image: Tensor) -> Tensor:
    for slot in ("far_hills", "near_hills"):
        image = _hills(frame, image, slot)
    return _ground(frame, image)


def _hash(t: Tensor, k: Tensor | float) -> Tensor:
    return torch.frac(torch.sin(t * 12.9898 + k) * 43758.5453).abs()


def _triangle(t: Tensor) -> Tensor:
    return 1 - 2 * torch.abs((t % 1) - 0.5) * 2


def _ridge(frame: Frame, kind: Tensor, phase: Tensor, frequency: Tensor) -> Tensor:
    """The outline's height over its base, in units of its amplitude."""
    u = frame.x * frequency * 6.283
    waves = torch.sin(u * 0.5 + phase)
    waves = waves + 0.5 * torch.sin(u * 1.1 + phase * 2.3) + 0.25 * torch.sin(u * 2.3 + phase * 1.7)
    smooth = waves / 1.75
    teeth = _triangle(u * 0.16 + phase) + 0.4 * _triangle(u * 0.43 + phase * 1.3)
    teeth = teeth + 0.12 * _triangle(u * 1.7 + phase * 2.1) + 0.05 * _triangle(u * 4.3 + phase)
    skyline = _hash(torch.floor(frame.x * frequency * 9 + phase), phase)
    hedge = 0.3 * torch.sin(u * 9 + phase).abs()
    outline = torch.where(kind == HILL_KINDS["sea"], torch.zeros_like(frame.x), smooth)
    outline = torch.where(kind == HILL_KINDS["hedge"], hedge, outline)
    outline = torch.where(kind == HILL_KINDS["city"], skyline, outline)
    return torch.where(kind == HILL_KINDS["peak"], teeth / 1.4, outline)


def _hills(frame: Frame, image: Tensor, slot: str) -> Tensor:
    x, y, edge, hills = frame.x, frame.y, frame.edge, frame[slot]
    kind, base, amplitude, phase, frequency = hills[:, 0], hills[:, 4], hills[:, 5], hills[:, 6], hills[:, 7]
    top = base - _ridge(frame, kind, phase, frequency) * amplitude
    mask = ((y - top) / edge).clamp(0, 1) * (kind > 0)
    color = hills[:, 1:4] * (1 + 0.12 * ((y - top) / (amplitude + 0.1)).clamp(0, 1)).unsqueeze(1)

    # windows, lit by night
    column, across, down = x * frequency * 27 + phase * 3, torch.frac(x * frequency * 9 * 3 + phase * 3), y * 26
    within = (across > 0.3) & (across < 0.72) & (torch.frac(down) > 0.3) & (torch.frac(down) < 0.75)
    window = (within & (kind == HILL_KINDS["city"])).float()
    window = window * (_hash(torch.floor(column) + 31 * torch.floor(down), 1.7) > 0.45)
    night = (frame["ambient"][:, 0] < 0.8).float()
    light = torch.where(night.unsqueeze(1) > 0, frame.color(1.0, 0.86, 0.45), hills[:, 1:4] * 1.35)
    color = mix(color, light, window * (0.35 + 0.5 * night))

    # snow on the peaks
    snow_line = top + amplitude * 0.30 + 0.015 * torch.sin(x * frequency * 6.283 * 9 + phase)
    cap = (kind == HILL_KINDS["peak"]) * ((snow_line - y) / edge).clamp(0, 1) * frame["snowcap"]
    color = mix(color, frame.color(0.96, 0.98, 1.0) * frame["ambient"], cap)

    ripples = (kind == HILL_KINDS["sea"]).float() * 0.06 * torch.sin(y * 260 + 3 * torch.sin(x * 14 + phase))
    return mix(image, color + ripples.unsqueeze(1), mask)


def _ground(frame: Frame, image: Tensor) -> Tensor:
    x, y, horizon = frame.x, frame.y, frame["horizon"]
    near = ((y - horizon) / (1 - horizon).clamp(min=0.05)).clamp(0, 1)  # 0 at the horizon, 1 at our feet
    depth = torch.log(near * 8 + 1.0)
    ground = torch.lerp(frame["ground_far"], frame["ground_near"], near.unsqueeze(1))
    texture = (frame.noise(10, 3, 0.7) - 0.5) * 2 * frame["noise"]
    swell = 1.6 * torch.sin(x * 9 + frame["seed"]) + 0.7 * torch.sin(x * 23 + near * 9)
    texture = texture + frame["waves"] * torch.sin(depth * 26 + swell) * (0.4 + 0.6 * near)
    across = (x - 0.5 * frame.width / frame.height) / (near * 1.4 + 0.35)  # lines that meet far away
    boards = (torch.frac(across * 4.0) < 0.05).float()
    texture = texture - frame["planks"] * 0.10 * boards - frame["furrows"] * 0.07 * torch.sin(across * 26)
    ground = ground * (1 + texture.unsqueeze(1))
    dashes = (torch.frac(depth * 4.5) < 0.5) & (across.abs() < 0.03)
    line = frame["road"] * dashes * (near > 0)
    ground = mix(ground, frame.color(0.95, 0.9, 0.7) * frame["ambient"], line)
    return mix(image, ground, ((y - horizon) / frame.edge).clamp(0, 1))
