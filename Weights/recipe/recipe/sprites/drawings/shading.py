"""The look of the 3D emoji: flat shapes inflated and lit from the top right."""

import numpy as np
from PIL import Image

from .canvas import R, hexc, resize

GRID = 256  # of the inflation


def inflate(m, lam=7.0):
    g = resize(m, GRID, Image.BOX) > 0.5
    u = np.zeros((GRID, GRID), np.float32)
    k = 1 / (4 + 1 / (lam * GRID / 100) ** 2)
    p = np.zeros((GRID + 2, GRID + 2), np.float32)
    for _ in range(420):
        p[1:-1, 1:-1] = u
        u = (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] + 4) * k
        u *= g
    u = np.asarray(Image.fromarray(u, "F"))
    for _ in range(2):
        q = np.pad(u, 1)
        u = (q[:-2, 1:-1] + q[2:, 1:-1] + q[1:-1, :-2] + q[1:-1, 2:] + 4 * u) / 8
    uy, ux = np.gradient(u)
    h = np.sqrt(np.maximum(u, 0))
    n = np.stack([-ux, -uy, 2 * h * 0.9 + 1.2], -1)
    n = np.stack([resize(n[..., c], R) for c in range(3)], -1)
    return n / np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-6)


LIGHT = np.array([0.42, -0.62, 0.66], np.float32)
LIGHT /= np.linalg.norm(LIGHT)


def sstep(a, b, x):
    t = np.clip((x - a) / (b - a), 0, 1)
    return t * t * (3 - 2 * t)


def shade(C, n, o):
    """C colour image, n normals -> shaded colour"""
    t = n @ LIGHT
    lum = (C @ np.array([0.3, 0.59, 0.11], np.float32))[..., None]
    warm = np.clip((C[..., :1] - C[..., 2:]) * 2.2, 0, 1)
    tint = hexc("#8a4fa8") * (1 - warm) + hexc("#c0285a") * warm
    sh = C * (0.60 + 0.1 * lum) + tint * (0.16 + 0.16 * lum)
    hi = C + (1 - C) * (0.30 + 0.10 * warm) * np.array([1, 0.90, 0.62], np.float32) * (0.35 + 0.65 * lum) * (
        1 - 0.25 * (1 - warm)
    )
    a = 1 - sstep(-0.35, 0.62, t)[..., None]
    b = sstep(0.50, 0.98, t)[..., None]
    out = C * (1 - a) + sh * a
    out = out * (1 - b * 0.85) + hi * b * 0.85
    # bounce from below: pink for warm colours, violet for grey ones
    bn = hexc("#ff5f8f") * warm + hexc("#b070e0") * (1 - warm)
    k = sstep(0.15, 0.95, n[..., 1])[..., None] * 0.34
    out = out * (1 - k) + (bn * (0.35 + 0.65 * lum)) * k
    # thin light rim on the right and top edges
    rim = (
        sstep(0.80, 1.0, 1 - n[..., 2])[..., None]
        * sstep(0.1, 0.8, n[..., 0] * 0.8 - n[..., 1] * 0.3)[..., None]
        * 0.22
    )
    out = out * (1 - rim) + (C + (1 - C) * 0.5) * rim
    return np.clip(out, 0, 1)
