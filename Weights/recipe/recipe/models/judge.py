"""The judge's network: a small residual network with a head for every question."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        first = [nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c, 3, padding=1, bias=False)]
        second = [nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c, 3, padding=1, bias=False)]
        self.f = nn.Sequential(*first, *second)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)


class JudgeNetwork(nn.Module):
    """Pictures [B,3,S,S] in 0…1 to the logits of each question, by its name.

    `answers` counts the answers to each question; `channels` are the widths at a half, a quarter … of the size.
    """

    def __init__(self, answers: dict[str, int], channels: list[int]) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, channels[0], 4, 2, 1)]
        for i, c in enumerate(channels):
            if i:
                layers += [nn.BatchNorm2d(channels[i - 1]), nn.Conv2d(channels[i - 1], c, 2, 2)]
            layers += [Residual(c), Residual(c)]
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(channels[-1]), nn.ReLU())
        self.heads = nn.ModuleDict({k: nn.Linear(2 * channels[-1], n) for k, n in answers.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = self.body(x * 2 - 1)
        h = torch.cat([h.mean((2, 3)), h.amax((2, 3))], 1)
        return {k: head(h) for k, head in self.heads.items()}
