"""The sky, and what stands in for it under water, indoors and in space."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .frame import Frame, mix


def paint(frame: Frame) -> Tensor:
    x, y, horizon = frame.x, frame.y, frame["horizon"]
    down = (y / horizon.clamp(max=1.0)).clamp(0, 1)  # 0 at the top, 1 at the horizon
    image = torch.lerp(frame["sky_top"], frame["sky_bottom"], down.unsqueeze(1))
    white = torch.ones_like(image)

    nebula = frame["nebula"]
    if bool((nebula[:, 0] > 0).any()):
        mask = ((frame.noise(3) - 0.42) * 3).clamp(0, 1) * nebula[:, 0]
        image = mix(image, nebula[:, 1:4], mask * 0.7)

    stars = frame["stars"]
    if bool((stars > 0).any()):
        shape = (frame.batch, frame.height // 2, frame.width // 2)
        points = ((frame.random(*shape) > 1 - 0.006 * stars) * frame.random(*shape)).unsqueeze(1)
        points = F.interpolate(points, (frame.height, frame.width), mode="bilinear")[:, 0] * (y < horizon)
        image = mix(image, white, (points * 1.3).clamp(0, 1))

    sun = frame["sun"]  # or moon
    distance = torch.sqrt((x - sun[:, 0] * frame.width / frame.height) ** 2 + (y - sun[:, 1]) ** 2 + 1e-9)
    radius = sun[:, 2]
    shines = (radius > 0).float()
    glow = torch.exp(-distance / (radius * 2.2 + 1e-6)) * 0.55 * shines
    image = mix(image, sun[:, 3:6], glow.clamp(0, 1))
    image = mix(image, sun[:, 3:6], ((radius - distance) / frame.edge).clamp(0, 1) * shines)

    clouds = frame["clouds"]
    thinning = 0.10 * (1 - (y / horizon.clamp(max=1.2)).clamp(0, 1))
    mask = ((frame.noise(3, 4) - 0.52 + thinning) * 7).clamp(0, 1) * clouds[:, 0]
    image = mix(image, clouds[:, 1:4], mask * 0.85)

    rays = frame["rays"] * 0.07 * (1 - y) * torch.sin(x * 22 + y * 6 + frame["seed"]).clamp(0, 1)
    return image + rays.unsqueeze(1)
