"""Puts whole animals together: bodies drawn here, heads taken from the emoji.

A drawing is a list of layers from back to front: a solid, dict(s=[shapes], c=colour, p=[(shape, colour), …]), or a face,
dict(face=codepoint, at=(x, y, width[, rotation])). "3d" is shaded from the same shapes as the flat styles, with a soft
contact shadow where a solid lies over another and a pink-violet bounce at the bottom, as in the Fluent 3D emoji.
"""

import numpy as np
from PIL import Image

from .canvas import R, blur, hexc, mask, rnd, rsvg
from .shading import inflate, shade, sstep

FACES = {}
SOURCES = {}


def use(fluent, noto):
    """Where the emoji are: the folders of the two repositories."""
    SOURCES.update(fluent=fluent, noto=noto)
    FACES.clear()


def emoji(cp, style, size=900):
    """An emoji as a picture."""
    if style == "3d":
        return Image.open(SOURCES["fluent"] / f"assets/{cp}_3d.png").convert("RGBA")
    return rsvg(emoji_svg(cp, style), size)


def emoji_svg(cp, style):
    if style == "flat":
        return (SOURCES["fluent"] / f"assets/{cp}_flat.svg").read_text()
    return (SOURCES["noto"] / f"svg/emoji_u{cp.replace('-', '_')}.svg").read_text()


def face(cp, style):
    """An emoji cut to what is visible of it."""
    if (cp, style) not in FACES:
        picture = emoji(cp, style)
        FACES[cp, style] = picture.crop(picture.getchannel("A").point(lambda v: 255 * (v > 40)).getbbox())
    return FACES[cp, style]


def place(im, cx, cy, w, rot=0):
    """face image, w units wide, centred at cx, cy -> full canvas premultiplied RGBA float"""
    W = round(w * R / 100)
    H = round(im.height * W / im.width)
    a = np.asarray(im).astype(np.float32) / 255
    a[..., :3] *= a[..., 3:]
    q = np.stack(
        [
            np.asarray(Image.fromarray(np.ascontiguousarray(a[..., c]), "F").resize((W, H), Image.LANCZOS))
            for c in range(4)
        ],
        -1,
    )
    q = np.clip(q, 0, 1)
    out = np.zeros((R + 400, R + 400, 4), np.float32)
    x, y = round(cx * R / 100 - W / 2) + 200, round(cy * R / 100 - H / 2) + 200
    out[y : y + H, x : x + W] = q
    out = out[200:-200, 200:-200]
    if rot:
        out = np.stack(
            [
                np.asarray(
                    Image.fromarray(np.ascontiguousarray(out[..., c]), "F").rotate(
                        -rot, Image.BICUBIC, center=(cx * R / 100, cy * R / 100)
                    )
                )
                for c in range(4)
            ],
            -1,
        )
    return np.clip(out, 0, 1)


def lighten(c, k):
    return c + (1 - c) * k


def draw(layers, style):
    out = np.zeros((R, R, 4), np.float32)  # premultiplied
    for o in layers:
        if "only" in o and style not in o["only"]:
            continue
        if "face" in o:
            f = o["face"]
            pos = o.get("at_" + style, o["at"])
            L = place(face(o.get("face_" + style, f), style), *pos)
            m = L[..., 3]
            if style != "3d" and o.get(
                "drop", True
            ):  # a flat shadow of the head sets it off from a body of the same colour
                d = np.roll(m, (int(0.020 * R), int(0.012 * R)), (0, 1))[..., None] * 0.2
                out[..., :3] *= 1 - d
        else:
            shapes = o.get("s_" + style, o["s"])
            if "out" in o:
                shapes = [rnd(q, 2 * o["out"]) if not q.startswith("<") else q for q in shapes]
            m = mask(shapes)
            if "clip" in o:
                m = m * mask(o["clip"])
            c = o.get("c_" + style, o["c"])
            C = np.broadcast_to(hexc(c), (R, R, 3)).copy()
            for p in o.get("p", []):
                pm = mask(p[0])
                if len(p) > 2 and style == "3d":
                    pm = blur(pm, p[2])
                pc = p[1] if isinstance(p[1], str) else p[1].get(style, p[1]["3d"])
                C = C * (1 - pm[..., None]) + hexc(pc) * pm[..., None]
            if style == "3d":
                n = inflate(m, o.get("lam", 6.0)) + 0.8 * inflate(m, o.get("lam", 6.0) * 3)
                n /= np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-6)
                C = shade(C, n, o)
            L = np.concatenate([C * m[..., None], m[..., None]], -1)
        if style == "3d" and out[..., 3].any():
            ao = o.get("ao", 0.42)
            if ao:
                r = o.get("aor", 2.4)
                b = np.roll(blur(m, r), (int(r * 0.5 * R / 100), int(-r * 0.25 * R / 100)), (0, 1)) * ao
                lum = (out[..., :3] @ np.array([0.3, 0.59, 0.11], np.float32))[..., None]
                dark = out[..., :3] * 0.45 + hexc("#8a2f6a") * 0.22 * lum * out[..., 3:]
                out[..., :3] = out[..., :3] * (1 - b[..., None]) + dark * b[..., None]
        out = out * (1 - L[..., 3:]) + L
    if style == "3d":  # a breath of pink-violet over the lowest part, as in the 3D emoji
        ys, _xs = np.where(out[..., 3] > 0.1)
        y = np.arange(R, dtype=np.float32)[:, None, None]
        k = sstep(ys.max() - 0.42 * (ys.max() - ys.min()), ys.max() + 1.0, y) * 0.16
        lum = (out[..., :3] @ np.array([0.3, 0.59, 0.11], np.float32))[..., None]
        out[..., :3] = (
            out[..., :3] * (1 - k)
            + (hexc("#ff6fae") * (0.25 + 0.75 * lum / np.maximum(out[..., 3:], 0.01)) * out[..., 3:]) * k
        )
    a = out[..., 3:]
    rgb = np.where(a > 1e-4, out[..., :3] / np.maximum(a, 1e-4), 0)
    return Image.fromarray((np.clip(np.concatenate([rgb, a], -1), 0, 1) * 255 + 0.5).astype(np.uint8), "RGBA")
