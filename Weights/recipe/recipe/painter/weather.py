"""What falls or rises in front of everything: snow, rain, bubbles."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .frame import Frame, mix


def paint(frame: Frame, image: Tensor) -> Tensor:
    for name, effect in (("snowfall", _snow), ("rain", _rain), ("bubbles", _bubbles)):
        strength = frame[name]
        if bool((strength > 0).any()):
            image = effect(frame, image, strength)
    return image


def _snow(frame: Frame, image: Tensor, strength: Tensor) -> Tensor:
    shape = (frame.batch, 1, frame.height // 4, frame.width // 4)
    flakes = (frame.random(*shape) > 0.975).float() * frame.random(*shape).sqrt()
    flakes = F.interpolate(flakes, (frame.height, frame.width), mode="bilinear")[:, 0] * strength
    return mix(image, torch.ones_like(image), ((flakes - 0.15) * 1.8).clamp(0, 0.95))


def _rain(frame: Frame, image: Tensor, strength: Tensor) -> Tensor:
    height, width = frame.height, frame.width
    drops = (frame.random(frame.batch, 1, height // 10, width // 2) > 0.955).float()
    drops = F.interpolate(drops, (height + width // 4, width), mode="nearest")
    columns = torch.arange(width, device=frame.device)
    rows = torch.arange(height, device=frame.device).view(-1, 1) + (columns // 4).view(1, -1)  # slanted
    drops = drops[:, 0, :, :][:, rows, columns.view(1, -1).expand(height, width)]
    return mix(image, frame.color(0.82, 0.88, 0.95).expand_as(image), drops * 0.5 * strength)


def _bubbles(frame: Frame, image: Tensor, strength: Tensor) -> Tensor:
    for _ in range(6):
        center_x = frame.random(frame.batch, 1, 1) * frame.width / frame.height
        center_y = frame.random(frame.batch, 1, 1) * 0.8
        radius = 0.006 + 0.014 * frame.random(frame.batch, 1, 1)
        distance = torch.sqrt((frame.x - center_x) ** 2 + (frame.y - center_y) ** 2)
        ring = (1 - ((distance - radius).abs() / 0.004)).clamp(0, 1) * strength
        image = mix(image, torch.ones_like(image), ring * 0.6)
    return image
