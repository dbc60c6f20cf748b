"""Lays the cut-outs into the picture, repainted where a colour is asked for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from . import parameters as P
from .frame import Frame


def paint(frame: Frame, image: Tensor, layers: Tensor, sprites: Tensor, main_hues: Tensor) -> Tensor:
    """`layers` [B,L,12], drawn in their order: back to front."""
    ambient = frame["ambient"]
    for rows in layers.unbind(1):
        used = (rows[:, P.SPRITE] >= 0).nonzero()[:, 0]
        if len(used) == 0:
            continue
        rows = rows[used]
        index = rows[:, P.SPRITE].long()
        pixels = sprites[index].float() / 255
        rgb, alpha = repaint(pixels[:, :3], rows, main_hues[index]), pixels[:, 3:]
        dx, dy = _offsets(frame, rows, used)
        shadow = _column(rows, P.SHADOW) * torch.exp(-((dx / 0.62) ** 2 + ((dy - 0.97) / 0.10) ** 2) * 1.4)
        ground = image[used] * (1 - 0.8 * shadow).unsqueeze(1)
        drawn = _resample(frame, torch.cat([rgb * alpha, alpha], 1), rows, dx, dy)  # premultiplied
        image[used] = ground * (1 - drawn[:, 3:]) + drawn[:, :3] * ambient[used]
    return image


def _column(rows: Tensor, column: int) -> Tensor:
    return rows[:, column].view(-1, 1, 1)


def _offsets(frame: Frame, rows: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
    """Every pixel's distance from the cut-out's centre, in half its height."""
    height = rows[:, P.HEIGHT]
    center_x, center_y = rows[:, P.X] * frame.width / frame.height, rows[:, P.BOTTOM] - height / 2
    half = height.view(-1, 1, 1) / 2
    dx = (frame.x[used] - center_x.view(-1, 1, 1)) / half
    dy = (frame.y[used] - center_y.view(-1, 1, 1)) / half
    return dx, dy


def _resample(frame: Frame, pixels: Tensor, rows: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """The cut-out turned, mirrored and scaled into the frame [B,4,H,W]; halved first where it gets much smaller."""
    rotation = _column(rows, P.ROTATION)
    cosine, sine = torch.cos(rotation), torch.sin(rotation)
    grid_x = (cosine * dx + sine * dy) * _column(rows, P.FLIP)
    grid = torch.stack([grid_x, -sine * dx + cosine * dy], -1)

    def sample(source: Tensor, at: Tensor) -> Tensor:
        return F.grid_sample(source, at, mode="bilinear", padding_mode="zeros", align_corners=False)

    out = sample(pixels, grid)
    shrink = (P.SPRITE_SIZE / (rows[:, P.HEIGHT] * frame.height)).clamp(min=1)
    small = (shrink > 1.9).nonzero()[:, 0]
    if len(small) > 0:
        out[small] = sample(F.avg_pool2d(pixels[small], 2), grid[small])
    return out


def repaint(rgb: Tensor, rows: Tensor, main_hues: Tensor) -> Tensor:
    """Moves the main hue of each cut-out [B,3,S,S] to the asked one; eyes, beaks and wheels stay as they are."""
    chosen = (rows[:, P.REPAINT] > 0).nonzero()[:, 0]
    if len(chosen) == 0:
        return rgb
    rows, main = rows[chosen], main_hues[chosen].view(-1, 1, 1)
    hue, saturation, value = rgb_to_hsv(rgb[chosen])
    distance = ((hue - main + 0.5) % 1 - 0.5).abs()
    colorful = ((saturation - 0.10) / 0.12).clamp(0, 1) * ((0.16 - distance) / 0.05).clamp(0, 1)
    mask = torch.where(main >= 0, colorful, (value > 0.1).float())
    to_hue, gain = _column(rows, P.REPAINT) == P.TO_HUE, _column(rows, P.SATURATION)
    # Each shade keeps its place in the cut-out's own range; what has no hue of its own gets a middling saturation.
    tinted = torch.where(main >= 0, saturation * gain, torch.full_like(saturation, 0.62) * gain)
    new_saturation = torch.where(to_hue, tinted, saturation * gain).clamp(0, 1)
    new_value = (value * _column(rows, P.GAIN) + _column(rows, P.BIAS)).clamp(0, 1)
    new_hue = torch.where(to_hue, _column(rows, P.HUE).expand_as(hue), hue)
    painted = hsv_to_rgb(new_hue, new_saturation, new_value)
    rgb = rgb.clone()
    rgb[chosen] = rgb[chosen] + (painted - rgb[chosen]) * mask.unsqueeze(1)
    return rgb


def rgb_to_hsv(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[B,3,H,W] to hue in turns, saturation and value, each [B,H,W]."""
    highest, which = rgb.max(1)
    lowest = rgb.min(1).values
    span = (highest - lowest).clamp_min(1e-6)
    r, g, b = rgb.unbind(1)
    below_red = torch.where(which == 1, (b - r) / span + 2, (r - g) / span + 4)
    hue = torch.where(which == 0, ((g - b) / span) % 6, below_red) / 6
    return hue % 1, (highest - lowest) / highest.clamp_min(1e-6), highest


def hsv_to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    offsets = torch.tensor([5.0, 3.0, 1.0], device=hue.device).view(1, 3, 1, 1)
    k = (offsets + hue.unsqueeze(1) * 6) % 6
    return value.unsqueeze(1) * (1 - saturation.unsqueeze(1) * torch.minimum(k, 4 - k).clamp(0, 1))
