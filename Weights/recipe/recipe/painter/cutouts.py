"""Lays the cut-outs into the picture, repainted where a colour is asked for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from . import parameters as P
from .frame import Frame

HUE_SWING = 0.6  # of the differences in hue, how much is left where a cut-out is repainted
LUMINANCE = (0.299, 0.587, 0.114)


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
    """Moves the main hue of each cut-out [B,3,S,S] to the asked one, or its grays where it has none.

    Eyes, beaks, windows and whatever else has another colour stay as they are, and so do light and shade.
    """
    chosen = (rows[:, P.REPAINT] > 0).nonzero()[:, 0]
    if len(chosen) == 0:
        return rgb
    rows, main, before = rows[chosen], main_hues[chosen].view(-1, 1, 1), rgb[chosen]
    hue, saturation, value = rgb_to_hsv(before)
    distance = (hue - main + 0.5) % 1 - 0.5
    colorful = ((saturation - 0.14) / 0.14).clamp(0, 1) * ((0.16 - distance.abs()) / 0.05).clamp(0, 1)
    mask = torch.where(main >= 0, colorful, grayness(hue, saturation, value))
    to_hue, gain = _column(rows, P.REPAINT) == P.TO_HUE, _column(rows, P.SATURATION)
    # A shade's saturation keeps its place in the cut-out's own range; what has none gets a middling one.
    tinted = torch.where(main >= 0, 1 - (1 - saturation).clamp_min(0) ** gain, torch.full_like(saturation, 0.62) * gain)
    new_saturation = torch.where(to_hue, tinted, saturation * gain).clamp(0, 1)
    new_value = (value * _column(rows, P.GAIN) + _column(rows, P.BIAS)).clamp(0, 1)
    swing = torch.where(main >= 0, (HUE_SWING * distance).clamp(-0.03, 0.03), torch.zeros_like(distance))
    new_hue = torch.where(to_hue, (_column(rows, P.HUE) + swing) % 1, hue)
    painted = shaded(hsv_to_rgb(new_hue, new_saturation, new_value), before, mask)
    rgb = rgb.clone()
    rgb[chosen] = before + (painted - before) * mask.unsqueeze(1)
    return rgb


def grayness(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """0…1: white, gray and black, and the purplish grays that emoji have for shade; not what is black all through."""
    bluish = ((hue > 0.58) & (hue < 0.88)).float()
    limit = 0.22 + 0.3 * bluish * (1 - value).clamp(0, 1)
    return ((limit + 0.12 - saturation) / 0.12).clamp(0, 1) * (value > 0.1)


def shaded(painted: Tensor, before: Tensor, mask: Tensor) -> Tensor:
    """As much lighter and darker than its mean as it was: emoji shade by their hue, too, which painting takes away."""

    def relative(rgb: Tensor) -> Tensor:
        luminance = (rgb * torch.tensor(LUMINANCE, device=rgb.device).view(1, 3, 1, 1)).sum(1) + 0.05
        mean = (luminance * mask).sum((1, 2), keepdim=True) / mask.sum((1, 2), keepdim=True).clamp_min(1)
        return luminance / mean.clamp_min(1e-3)

    ratio = (relative(before) / relative(painted).clamp_min(1e-3)).clamp(0.6, 1.6).unsqueeze(1)
    return torch.where(ratio < 1, painted * ratio, painted + (1 - painted) * (1 - 1 / ratio))


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
