"""Paints scenes: from numbers to pixels, a batch at a time, on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from . import cutouts, land, sky, weather
from .frame import Frame


class SceneRenderer:
    """Holds the cut-outs on a device and paints scenes with them.

    `sprites`: uint8 [N,S,S,4]; `main_hues`: [N], the hue of each in turns, -1 where it is neutral.
    """

    def __init__(self, sprites: Tensor, main_hues: Tensor, device: torch.device | str = "cpu") -> None:
        self.device = device
        self.sprites = sprites.permute(0, 3, 1, 2).contiguous().to(device)  # [N,4,S,S]
        self.main_hues = main_hues.to(device)

    @torch.no_grad()
    def render(
        self, backdrops: Tensor, layers: Tensor, height: int, width: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """[B,P] and [B,L,12] to pictures [B,3,H,W] in 0…1. Grain comes from `generator`, or torch's own."""
        frame = Frame(backdrops, height, width, self.device, generator)
        image = sky.paint(frame)
        image = land.paint(frame, image)
        image = cutouts.paint(frame, image, layers.to(self.device), self.sprites, self.main_hues)
        image = weather.paint(frame, image)
        return image.clamp(0, 1)
