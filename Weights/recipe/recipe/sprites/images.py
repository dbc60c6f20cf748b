"""Pictures of any size to the pack's format: trimmed, 176×176, standing on the bottom edge."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIZE = 176
VISIBLE = 6 / 255  # of alpha


def resize_channels(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Lanczos on float channels [H,W,C]."""
    channels = [Image.fromarray(np.ascontiguousarray(image[..., c])) for c in range(image.shape[-1])]
    return np.stack([np.asarray(c.resize((width, height), Image.Resampling.LANCZOS)) for c in channels], -1)


def fit(image: Image.Image) -> np.ndarray | None:
    """uint8 [176,176,4], bottom-centred; None if nothing is to be seen. Scaled on premultiplied colours."""
    pixels = np.asarray(image.convert("RGBA")).astype(np.float32) / 255
    rows, columns = np.where(pixels[..., 3] > VISIBLE)
    if len(rows) < 20:
        return None
    pixels = pixels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].copy()
    scale = SIZE / max(pixels.shape[:2])
    height, width = (max(1, round(n * scale)) for n in pixels.shape[:2])
    pixels[..., :3] *= pixels[..., 3:]
    scaled = resize_channels(pixels, width, height)
    alpha = np.clip(scaled[..., 3:], 0, 1)
    scaled = np.concatenate([np.clip(scaled[..., :3], 0, alpha) / np.maximum(alpha, 1e-6), alpha], -1)
    scaled[alpha[..., 0] < 1.5 / 255] = 0
    out = np.zeros((SIZE, SIZE, 4), np.uint8)
    left = (SIZE - width) // 2
    out[SIZE - height :, left : left + width] = np.round(scaled * 255).astype(np.uint8)
    return out


def extent(pixels: np.ndarray) -> tuple[int, int]:
    """Width and height of the visible part."""
    rows, columns = np.where(pixels[..., 3] > 6)
    return int(columns.max() - columns.min() + 1), int(rows.max() - rows.min() + 1)


def key_dark_tile(image: Image.Image) -> Image.Image:
    """Bright things on a navy or purple tile: the tile becomes transparent."""
    pixels = np.asarray(image.convert("RGBA")).astype(np.float32) / 255
    brightness = pixels[..., :2].max(-1)  # not blue, of which the tiles have much
    alpha = np.clip((brightness - 0.66) / 0.2, 0, 1) * pixels[..., 3]
    return Image.fromarray((np.concatenate([pixels[..., :3], alpha[..., None]], -1) * 255).astype(np.uint8))
