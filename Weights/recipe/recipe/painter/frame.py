"""The canvas shared by the painters of sky, land, cut-outs and weather."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .parameters import SLOTS


def mix(image: Tensor, color: Tensor, mask: Tensor) -> Tensor:
    """Lays `color` [B,3,H,W] over `image` where `mask` [B,H,W] is 1."""
    return image + (color - image) * mask.unsqueeze(1)


class Frame:
    """A batch in the making: coordinates, the scenes' numbers, the source of noise.

    `x` and `y` are [B,H,W] in units of the frame's height; `edge` is the width of a soft edge in them.
    """

    def __init__(
        self, backdrops: Tensor, height: int, width: int, device: torch.device | str, generator: torch.Generator | None
    ) -> None:
        self.backdrops = backdrops.to(device)
        self.batch, self.height, self.width = len(backdrops), height, width
        self.device, self.generator = device, generator
        y = torch.linspace(0, 1, height, device=device).view(1, height, 1)
        x = (torch.linspace(0, 1, width, device=device) * (width / height)).view(1, 1, width)
        self.y = y.expand(self.batch, height, width)
        self.x = x.expand(self.batch, height, width)
        self.edge = 1.2 / height

    def __getitem__(self, name: str) -> Tensor:
        """A parameter, shaped to broadcast: [B,1,1] if it is one number, else [B,n,1,1]."""
        values = self.backdrops[:, SLOTS[name]]
        return values[:, :, None, None] if values.shape[1] > 1 else values[:, 0, None, None]

    def color(self, *rgb: float) -> Tensor:
        return torch.tensor(rgb, device=self.device).view(1, 3, 1, 1)

    def random(self, *shape: int) -> Tensor:
        return torch.rand(shape, device=self.device, generator=self.generator)

    def noise(self, base: int, octaves: int = 4, persistence: float = 0.5) -> Tensor:
        """Smooth noise [B,H,W] in 0…1; `base` cells down the frame in its first octave."""
        total, amplitude, out = 0.0, 1.0, torch.zeros((), device=self.device)
        for octave in range(octaves):
            cells = base * 2**octave
            coarse = self.random(self.batch, 1, cells + 2, int(cells * self.width / self.height) + 2)
            fine = F.interpolate(coarse, (self.height, self.width), mode="bicubic", align_corners=False)
            out = out + amplitude * fine
            total += amplitude
            amplitude *= persistence
        return (out / total)[:, 0]
