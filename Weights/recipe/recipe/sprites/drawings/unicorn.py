"""The unicorn: the horse emoji in white, with a rainbow mane and a horn."""

import re

import numpy as np
from PIL import Image

from .bodies import draw, emoji, emoji_svg
from .canvas import hexc, line, rnd, rsvg
from .register import art
from .shading import sstep

HORSE = "1f40e"


@art("unicorn-rear")
def _(st):
    mix = lambda a, b, k: a * (1 - k) + b * k
    H = hexc
    if st == "3d":
        a = np.asarray(emoji(HORSE, "3d").resize((640, 640), Image.Resampling.BICUBIC)).astype(np.float32) / 255
        rgb = a[..., :3]
        lum = (rgb @ np.array([0.3, 0.59, 0.11], np.float32))[..., None]
        y, x = [v[..., None] / 640.0 for v in np.mgrid[0:640, 0:640].astype(np.float32)]
        warm = sstep(0.055, 0.12, rgb[..., :1] - rgb[..., 1:2])
        warm = np.asarray(Image.fromarray((warm[..., 0] * 255).astype(np.uint8)).resize((640, 640)))[..., None] / 255.0
        t = np.clip((lum - 0.24) / 0.30, 0, 1)
        coat = mix(mix(H("#a27fd6"), H("#dccbfa"), np.clip(t * 2, 0, 1)), H("#fbf6ff"), np.clip(t * 2 - 1, 0, 1))
        k = sstep(0.12, 0.62, x * 0.75 + y * 0.75)
        mane = mix(mix(H("#5c8df5"), H("#a77cf7"), np.clip(k * 2, 0, 1)), H("#ff78dc"), np.clip(k * 2 - 1, 0, 1)) * (
            0.86 + 1.1 * np.clip(lum - 0.16, -0.1, 0.3)
        )
        mane = np.clip(mane + 0.05, 0, 1)
        eye = (x * 256 - 47.0) ** 2 + (y * 256 - 50) ** 2 < 5.2**2
        out = np.where(eye, np.where(lum < 0.3, rgb, mix(rgb, coat, warm)), mix(mane, coat, warm))
        im = Image.fromarray((np.clip(np.concatenate([out, a[..., 3:]], -1), 0, 1) * 255).astype(np.uint8), "RGBA")
    else:
        if st == "flat":
            svg = emoji_svg(HORSE, "flat")
            svg = svg.replace("#A56953", "#F0E4FF").replace("#6D4534", "#CBB0EE").replace("#E39D89", "#FFC4E4")
            p = svg.split("<path")
            n = 0
            for i, q in enumerate(p):
                if "#1C1C1C" in q and n < 3:
                    p[i] = q.replace("#1C1C1C", ("#5092FF", "#F070D0", "#5092FF")[n])
                    n += 1
            svg = "<path".join(p)
        else:
            svg = emoji_svg(HORSE, "cartoon")
            svg = (
                svg.replace('style="fill:#865B52;"', 'style="fill:#EA4C93;"')
                .replace("fill:#FEAF5F", "fill:#ECEFF1")
                .replace("fill:#B3875D", "fill:#B8C2C9")
            )
            lo, hi = H("#865B52"), H("#FEAF5F")

            def stop(m):
                k = float(np.clip(((H(m[1]) - lo) @ (hi - lo)) / ((hi - lo) @ (hi - lo)), 0, 1))
                c = mix(H("#A7B0C4"), H("#ECEFF1"), k)
                return "stop-color:#" + "".join(f"{round(v * 255):02x}" for v in c)

            svg = re.sub(r"stop-color:(#[0-9A-Fa-f]{6})", stop, svg)
        im = rsvg(svg, 640)
    a = np.asarray(im).astype(np.float32) / 255
    # room above for the horn, horse 88 % size
    horn = {
        "3d": "M20.2 24.4L12.2 6.6L26 19.8Z",
        "flat": "M19.2 23.4L11.2 5.6L25 18.8Z",
        "cartoon": "M14.2 29.4L6.2 11.6L20 24.8Z",
    }[st]
    st_ = {"3d": (13.8, 11.4), "flat": (12.8, 10.4), "cartoon": (7.8, 16.4)}[st]
    stripes = [
        (
            line(
                f"M{st_[0] - 4 + d * 0.9} {st_[1] + 3.4 + d * 1.6}L{st_[0] + 8 + d * 0.9} {st_[1] - 3.6 + d * 1.6}", 1.5
            ),
            "#ff9ad5" if st != "cartoon" else "#8d7ee8",
        )
        for d in (0, 3, 6)
    ]
    hl = draw([dict(s=[rnd(horn, 1.4)], c="#ffc93c" if st != "cartoon" else "#5fb3e8", p=stripes, lam=4)], st)
    base = Image.new("RGBA", (640, 640))
    s = im.resize((576, 576), Image.LANCZOS)
    base.alpha_composite(s, (64, 64))
    under = Image.new("RGBA", (640, 640))
    under.alpha_composite(hl)
    under.alpha_composite(base)
    return under
