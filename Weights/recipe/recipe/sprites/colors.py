"""The colours of a cut-out: by name, as a person would say, and as a hue, for repainting."""

from __future__ import annotations

import numpy as np

NAMES = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "gray"]
HUES = (  # from, to (degrees), name
    (0, 14, "red"),
    (14, 36, "orange"),
    (36, 66, "yellow"),
    (66, 172, "green"),
    (172, 252, "blue"),
    (252, 296, "purple"),
    (296, 336, "pink"),
    (336, 361, "red"),
)
GLASS = (180 / 60, 222 / 60)  # hues of windows and of water
BRIGHT = 0.45  # of a value: wheels are dark
LEAST_VIVID = 0.18  # of the visible area; with less of it a thing is white, gray or black


def hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of colours [N,3] in 0…1: hue in sixths of a turn, saturation and value."""
    highest = rgb.max(1)
    chroma = highest - rgb.min(1)
    some, (r, g, b) = np.maximum(chroma, 1e-6), rgb.T
    below_red = np.where(highest == g, (b - r) / some + 2, (r - g) / some + 4)
    hue = np.where(highest == r, ((g - b) / some) % 6, below_red)
    return hue, chroma / np.maximum(highest, 1e-6), highest


def shares(pixels: np.ndarray) -> dict[str, float]:
    """Share of the visible area per colour name, saturated areas weighing more. `pixels`: uint8 [S,S,4]."""
    rgb = pixels[pixels[..., 3] > 128][:, :3].astype(np.float32) / 255
    hue, saturation, highest = hsv(rgb)
    hue, chroma = hue * 60, highest - rgb.min(1)
    bluish = (hue > 215) & (hue < 310) & (chroma < 0.24) & ((highest < 0.5) | (saturation < 0.22))
    neutral = (chroma < 0.11) | bluish | ((saturation < 0.2) & (highest < 0.7)) | (highest < 0.17)
    luminance = rgb @ np.array([0.3, 0.59, 0.11], np.float32)
    name = np.full(len(rgb), "", dtype="U6")
    name[neutral] = "gray"
    name[neutral & (luminance > 0.77)] = "white"
    name[neutral & (luminance < 0.34)] = "black"
    vivid = ~neutral
    for low, high, color in HUES:
        name[vivid & (hue >= low) & (hue < high)] = color
    name[vivid & (hue >= 336) & (hue < 347) & (saturation < 0.66)] = "pink"
    red = vivid & (name == "red")
    name[red & (saturation < 0.52) & (highest > 0.78)] = "pink"
    name[red & (highest < 0.56)] = "brown"
    name[red & (saturation < 0.5) & (highest < 0.78)] = "brown"
    warm = vivid & (hue >= 8) & (hue < 48)
    name[warm & (highest < 0.66)] = "brown"
    name[warm & (saturation < 0.58) & (highest < 0.86)] = "brown"
    name[warm & (saturation < 0.24) & (highest > 0.86)] = "white"
    name[vivid & (hue >= 48) & (hue < 66) & (highest < 0.5)] = "brown"
    name[vivid & (hue >= 296) & (hue < 330) & (highest < 0.6)] = "purple"
    weight = np.where(neutral, 0.55, 0.55 + chroma)
    areas = {color: float(weight[name == color].sum()) for color in NAMES}
    total = sum(areas.values()) or 1
    return {color: area / total for color, area in areas.items() if area}


def main_color(pixels: np.ndarray) -> str:
    by_share = shares(pixels)
    return max(by_share, key=by_share.get) if by_share else "gray"


def without_glass(pixels: np.ndarray) -> np.ndarray:
    """A vehicle or a building without windows, and without the water it is on, if what is left is colourful enough."""
    rgb = pixels[..., :3].astype(np.float32) / 255
    hue, saturation, _ = hsv(rgb.reshape(-1, 3))
    glass = ((hue > GLASS[0]) & (hue < GLASS[1]) & (saturation > 0.2)).reshape(pixels.shape[:2])
    rest = pixels * ~glass[..., None]
    left, visible = _vivid(rest, BRIGHT)[1].mean(), (pixels[..., 3] > 127).mean()
    return rest if left > LEAST_VIVID * visible else pixels


def main_hue(pixels: np.ndarray) -> float:
    """The hue that most of the saturated area has, in turns; -1 where little of it is saturated."""
    thinned = pixels[::4, ::4]
    rgb, vivid = _vivid(thinned)
    if vivid.sum() < LEAST_VIVID * (thinned[..., 3] > 127).sum() or not vivid.any():
        return -1.0
    hue, saturation, _ = hsv(rgb[vivid])
    counts, _ = np.histogram(hue / 6 % 1, bins=36, range=(0, 1), weights=saturation)
    counts = counts + np.roll(counts, 1) + np.roll(counts, -1)
    return (counts.argmax() + 0.5) / 36


def _vivid(pixels: np.ndarray, least_value: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Colours of all pixels [N,3], and which of them are visible and saturated [N]."""
    rgb = pixels[..., :3].reshape(-1, 3).astype(np.float32) / 255
    _, saturation, value = hsv(rgb)
    return rgb, (pixels[..., 3].reshape(-1) > 127) & (saturation > 0.25) & (value > least_value)
