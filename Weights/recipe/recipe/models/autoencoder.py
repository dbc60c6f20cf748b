"""The autoencoder: TAESD's structure (github.com/madebyollin/taesd), factor 8, channels that differ by level."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LATENT_CHANNELS = 8
DECODER_CHANNELS, DECODER_BLOCKS = (96, 64, 48, 32), (3, 3, 2, 1)  # from the latents up
ENCODER_CHANNELS, ENCODER_BLOCKS = (32, 64, 64, 96), (1, 2, 3, 3)  # from the picture down
LATENT_MAGNITUDE = 3  # latents are squashed into ±3


def conv(inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, stride=stride, bias=bias)


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        c = channels
        self.conv = nn.Sequential(conv(c, c), nn.ReLU(), conv(c, c), nn.ReLU(), conv(c, c))
        self.fuse = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.fuse(self.conv(x) + x)


class TinyDecoder(nn.Module):
    """Latents [B,8,h,w] to pictures [B,3,8h,8w] in 0…1, not clamped."""

    def __init__(self) -> None:
        super().__init__()
        channels = DECODER_CHANNELS
        layers: list[nn.Module] = [conv(LATENT_CHANNELS, channels[0]), nn.ReLU()]
        for i, count in enumerate(DECODER_BLOCKS):
            layers += [Block(channels[i]) for _ in range(count)]
            if i + 1 < len(channels):
                layers += [nn.Upsample(scale_factor=2), conv(channels[i], channels[i + 1], bias=False)]
            else:
                layers += [conv(channels[i], 3)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(torch.tanh(z / LATENT_MAGNITUDE) * LATENT_MAGNITUDE)


class TinyEncoder(nn.Module):
    """Pictures [B,3,H,W] in 0…1 to latents [B,8,H/8,W/8]."""

    def __init__(self) -> None:
        super().__init__()
        channels = ENCODER_CHANNELS
        layers: list[nn.Module] = [conv(3, channels[0])]
        for i, count in enumerate(ENCODER_BLOCKS):
            if i:
                layers += [conv(channels[i - 1], channels[i], stride=2, bias=False)]
            layers += [Block(channels[i]) for _ in range(count)]
        self.layers = nn.Sequential(*layers, conv(channels[-1], LATENT_CHANNELS))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)
