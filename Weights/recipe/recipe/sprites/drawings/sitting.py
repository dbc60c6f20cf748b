"""Animals that sit up or need a drawing of their own."""

import numpy as np
from PIL import Image

from .bodies import draw
from .canvas import both, ell, line, mir, rnd, tr
from .register import art
from .shading import sstep
from .walking import BEAR, BFARF, BFARH, BFORE, BHIND, BTORSO, FOX, LION, POLAR, RAC, sit


def sit_front(st, face, c, belly, arm, leg, sole, w, ear=None, bw=1.0, body_c=None, line_c=None, fy=31, tail=()):
    body = "M50 44C66 44 76 60 77 76C78 90 70 96.5 50 96.5C30 96.5 22 90 23 76C24 60 34 44 50 44Z"
    bel = ell(50, 77, 17, 17)
    armp = "M31 52C24 55 18 64 18 73C18 79 23 82 28 80C34 78 40 70 42 62C42 54 37 50 31 52Z"
    legp = ell(27, 88, 13.5, 10, -18)
    solep = ell(24.5, 88.5, 7, 6.4, -18)
    [ell(24.5, 88.5, 6.6, 6, -18)]
    L = list(tail)
    L += [dict(s=[body], c=c, p=[(bel, belly)] if belly else [], lam=9)]
    L += [
        dict(s=[legp], c=leg, p=[(solep, sole)] if sole else [], lam=8, ao=0.4),
        dict(s=[mir(legp)], c=leg, p=[(mir(solep), sole)] if sole else [], lam=8, ao=0.4),
    ]
    L += [dict(s=[armp], c=arm, lam=7, ao=0.4), dict(s=[mir(armp)], c=arm, lam=7, ao=0.4)]
    if line_c:
        L = [dict(s=[body], c=line_c, out=1.3)] + L
    return L + [dict(face=face, at=(50, fy, w), at_cartoon=(50, fy - 0.5, w + 2), ao=0.5, aor=3)]


def calm(im, k=0.62, dark=0.25):
    """less violet: a panda is black and white"""
    a = np.asarray(im).astype(np.float32) / 255
    c = a[..., :3]
    l = (c @ np.array([0.3, 0.59, 0.11], np.float32))[..., None]
    c = l + (c - l) * (1 - k)
    c = c * (1 - dark * (1 - sstep(0.25, 0.62, l)))
    return Image.fromarray((np.clip(np.concatenate([c, a[..., 3:]], -1), 0, 1) * 255 + 0.5).astype(np.uint8), "RGBA")


PANDA = {
    "3d": ("#f3eefc", "#4a3b86", "#8273bd"),
    "flat": ("#f4f4f4", "#433b6b", "#635994"),
    "cartoon": ("#ffffff", "#4b4b4b", "#6d6d6d"),
}


@art("panda-sit")
def _(st):
    w, d, s = PANDA[st]
    L = sit_front(st, "1f43c", w, None, d, d, s, 56, line_c={"flat": "#433b6b", "cartoon": "#4b4b4b"}.get(st))
    return calm(draw(L, st)) if st != "cartoon" else L


@art("panda-stand")
def _(st):
    w, d, _ = PANDA[st]
    ln = {"flat": "#433b6b", "cartoon": "#4b4b4b"}.get(st)
    d2 = {"3d": "#3a2d6e", "flat": "#352f57", "cartoon": "#3a3a3a"}[st]
    band = "M10 30L38 30C46 44 46 60 42 70C40 76 38.6 82 38 88L38 100L10 100Z"
    back = "M67 100C67 92 64 86 61.6 81C60 76 62 72 67 70C75 67 84 70 94 75L94 100Z"
    L = [dict(s=[ell(88, 58, 5)], c=w, lam=6)]
    L += [
        dict(s=[BFARF], c=d2),
        dict(s=[BFARH], c=d2, ao=0.2),
        dict(s=[BTORSO, BFORE, BHIND], c=w, p=[(band, d), (back, d)], lam=8),
    ]
    if ln:
        L = [dict(s=[BTORSO, BFORE, BHIND, BFARF, BFARH], c=ln, out=1.3), dict(s=[ell(88, 58, 6.3)], c=ln)] + L
    L = L + [dict(face="1f43c", at=(29, 46, 48), at_cartoon=(29, 45, 50), ao=0.5, aor=3)]
    return calm(draw(L, st)) if st != "cartoon" else L


@art("koala-sit")
def _(st):
    c, pale, far, sole = {
        "3d": ("#a09ea6", "#e6e2ea", "#97949e", "#6b6875"),
        "flat": ("#9b9b9b", "#e6e6e6", "#8a8a8a", "#636363"),
        "cartoon": ("#9e9e9e", "#e8e8e8", "#8d8d8d", "#6a6a6a"),
    }[st]
    return sit_front(st, "1f428", c, pale, far if st != "3d" else c, far if st != "3d" else c, sole, 56)


@art("fox-walk")
def _(st):
    c, far, cream, sock = FOX[st]
    t = lambda s: tr(s, "translate(.5 17.5) scale(.815)")
    head = "M5 50C9 46 17 44 23 39C27 34 31 31 36 31L48 34C55 41 55 54 48 60C40 67 28 66 21 59.5C16 57 7 56 5 50Z"
    cheek = "M0 51C12 51 20 50 26 54C32 58 44 58 54 49L56 72L0 72Z"
    ear = "M33 40C32 27 34.6 17 38.6 11.5C44.6 16 49.6 27 49.4 44Z"
    inner = "M36.4 39C35.2 32 36.2 26.4 38 22.4C41 26.4 42.8 32 42.4 39C40.4 42 38 41.6 36.4 39Z"
    eart = "M30 21.5L54 21.5L54 0L30 0Z"
    fear = "M25 40C24.4 30 26.6 21 30 16C35 20 39.5 27 39.5 38Z"
    torso = "M36 50C44 44 56 50 66 49C76 48 85 53 85 62C85 69 80 74 74 74C64 74 56 72 48 76C38 78 31 70 31 60C31 55 33 52 36 50Z"
    fore = "M33 62C33 72 29 82 23.6 91C21.6 94 22 97 25 97L31 97C33 97 34.4 96 35.4 94.4C39 87 44 80 47 71Z"
    farf = "M40 70C42 80 43 86 47 93C48.4 96 49 97 51 97L56.6 97C59 97 59.6 95 58.4 93C54 86 53 80 53 72Z"
    hind = "M63 58C70 49 85 53 85 64C85 72 82.6 76 85 82C87 87 90 90 92 93C93 95 92 97 89.6 97L83.6 97C81.4 97 80 96 79 94.4C76.6 89 73 85 70 80C66 74 61 66 63 58Z"
    farh = "M61 68C63 77 61 83 58.4 91C57.4 95 58 97 61 97L67 97C69 97 69.8 95.6 70.4 94C72 88 75 82 76 76Z"
    socks = "M0 84L44 86L58 84L66 85Q72 87 76 84L100 83L100 100L0 100Z"
    tail = "M79 53C87 51 93 57 99 56.6C106 56 113 51 121 44C124 57 118 72 105 75C95 77 85 73 78 67Z"
    tip = "M106 49L103.5 55L108 58.5L103 62.5L107 66.5L102 70L104 80L130 80L130 40Z"
    chest = "M24 58L46 60C46 68 43 74 39 80C33 76 27 68 24 58Z"
    T = lambda L: [t(q) for q in L]
    dk = far
    return [
        dict(s=T([tail]), c=c, p=[(t(tip), cream)], lam=6),
        dict(s=T([farf]), c=far, p=[(t(socks), sock)]),
        dict(s=T([farh]), c=far, p=[(t(socks), sock)], ao=0.2),
        dict(s=T([torso, fore, hind]), c=c, p=[(t(chest), cream), (t(socks), sock)], lam=6),
        dict(s=T([fear]), c=dk, p=[(t(eart), sock)], lam=4, ao=0),
        dict(s=T([head, ear]), c=c, p=[(t(cheek), cream), (t(eart), sock)], lam=6, ao=0.42),
        dict(s=T([inner]), c={"3d": "#f26a2e", "flat": "#ff6723", "cartoon": "#ff9411"}[st], lam=3, ao=0.2),
        dict(s=T([ell(6, 49.6, 3.3, 2.9)]), c="#3d3038", lam=3, ao=0.2),
        dict(s=T([ell(26, 44.6, 1.9, 3)]), c="#35272f" if st == "3d" else "#212121", lam=2, ao=0.15),
    ]


@art("frog-sit")
def _(st):
    c, far, bel, _tongue = {
        "3d": ("#3fd892", "#25b077", "#ffcf5e", 0),
        "flat": ("#00d26a", "#00b85c", "#ffd43b", 0),
        "cartoon": ("#b5d11b", "#98b015", "#d7e86a", 0),
    }[st]
    thigh = ell(21, 75, 13, 18, 24)
    hfoot = [ell(17, 93, 12, 4)] + [ell(x, 94.6, 3.6, 3) for x in (6, 14, 22)]
    body = "M50 40C66 40 74 56 74 72C74 88 66 94 50 94C34 94 26 88 26 72C26 56 34 40 50 40Z"
    arm = [line("M36 64C33 74 34 82 36 91", 9)] + [ell(x, 94, 3.6, 3.2) for x in (30.6, 36.6, 42.6)]
    L = []
    for f in (lambda q: q, mir):
        L += [
            dict(s=[f(thigh)], c=c if st == "3d" else far, lam=7),
            dict(s=[f(q) for q in hfoot], c=c if st == "3d" else far, lam=4, ao=0.35),
        ]
    L += [
        dict(
            s=[body],
            c=c,
            p=[("M50 54C64 54 67 66 67 75C67 88 60 96 50 96C40 96 33 88 33 75C33 66 36 54 50 54Z", bel)],
            lam=9,
        )
    ]
    for f in (lambda q: q, mir):
        L += [dict(s=[f(q) for q in arm], c=c if st == "3d" else far, lam=5, ao=0.4)]
    return L + [dict(face="1f438", at=(50, 32, 62), at_cartoon=(50, 32, 64), ao=0.5, aor=3)]


@art("hamster-sit")
def _(st):
    c, far, bel, pink = {
        "3d": ("#f3a967", "#dd8d4f", "#ffe3c4", "#ff8f9e"),
        "flat": ("#f3ad61", "#d98f45", "#ffdea7", "#ff8687"),
        "cartoon": ("#f19534", "#d97d20", "#fde0c2", "#f8a8a8"),
    }[st]
    body = "M50 42C68 42 80 58 80 76C80 90 70 96 50 96C30 96 20 90 20 76C20 58 32 42 50 42Z"
    foot = [ell(35, 94, 8.5, 4.2)]
    arm = [line("M30 66C33 72 38 74 43 73", 9)]
    hand = [ell(44.6, 73, 4.2, 3.6)]
    L = [dict(s=[body], c=c, p=[(ell(50, 78, 19, 19), bel)], lam=10)]
    for f in (lambda q: q, mir):
        L += [
            dict(s=[f(q) for q in foot], c=pink, lam=4, ao=0.35),
            dict(s=[f(q) for q in hand], c=pink, lam=3, ao=0.3),
            dict(s=[f(q) for q in arm], c=c if st == "3d" else far, lam=5, ao=0.35),
        ]
    return L + [dict(face="1f439", at=(50, 34, 64), at_cartoon=(50, 34, 60), ao=0.5, aor=3)]


@art("hen")
def _(st):
    w, wing, red, yel, eye, leg = {
        "3d": ("#f3f0fa", "#e2dcf0", "#f0305c", "#ffc93c", "#3a2c38", "#f59a2e"),
        "flat": ("#ffffff", "#d9d9d9", "#f92f60", "#fcc230", "#1c1c1c", "#ff822d"),
        "cartoon": ("#e9edf0", "#c6d0d6", "#ff5252", "#ffb300", "#2b2b2b", "#f79329"),
    }[st]
    body = "M19 33C19 20 27 12 37 12C47 12 51 20 52 30C54 43 64 46 73 40C80 35 84 28 84 20C89 22 92 26 92.6 31C95 30.6 96.6 31.4 97.8 33C97.4 37 96.6 40 95 43C96 44 97 46 97.4 48C95.4 58 92 66 87 72C80 81 69 86 57 86C37 86 25 73 22 57C20.4 48 19 41 19 33Z"
    wingp = "M43 57C54 52 69 54 80 46C81 62 73 74 60 74.6C50 75 43 66 43 57Z"
    L = [dict(s=[ell(29.5, 11.5, 5, 6), ell(37.5, 8, 5.6, 6.6), ell(45, 12, 4.6, 5.6)], c=red, lam=4)]
    for x, cc in ((61, leg), (49, leg)):
        L += [
            dict(
                s=[
                    line(f"M{x} 84L{x} 95", 3.6),
                    line(f"M{x} 95L{x - 7} 97", 3.2),
                    line(f"M{x} 95L{x - 1} 97.4", 3.2),
                    line(f"M{x} 95L{x + 4} 97", 3.2),
                ],
                c=cc,
                lam=3,
                ao=0.2,
            )
        ]
    L += [
        dict(s=[rnd("M22 27L9 33L22 38Z", 3)], c=yel, lam=4, ao=0),
        dict(s=[ell(23, 45.5, 4.4, 6.8)], c=red, lam=4, ao=0),
    ]
    if st != "3d":
        L += [dict(s=[body], c={"flat": "#9b9b9b", "cartoon": "#b0bec5"}[st], out=1.2)]
    L += [
        dict(s=[body], c=w, lam=9),
        dict(s=[rnd("M19.6 28.6L9 33L19.6 37Z", 3)], c=yel, lam=4, ao=0.2),
        dict(s=[ell(22.6, 45.5, 4.2, 6.6)], c=red, lam=4, ao=0.3),
        dict(s=[wingp], c=wing, lam=6, ao=0.45),
        dict(s=[ell(32, 28.5, 2.3, 3)], c=eye, lam=2, ao=0.15),
    ]
    return L


@art("moose-stand")
def _(st):
    c, far, ant, pale, dk = {
        "3d": ("#7d5145", "#5d3a35", "#e9b27c", "#a88272", "#34262c"),
        "flat": ("#7d4533", "#5e3224", "#d6905a", "#a56953", "#1c1c1c"),
        "cartoon": ("#875b52", "#6b453d", "#ef9262", "#a5857c", "#2b2b2b"),
    }[st]
    torso = "M34 46C38 37 50 35 57 39C66 43 80 40 86 48C90 56 88 66 82 70C70 74 56 70 46 74C36 74 31 58 34 46Z"
    neck = "M24 38C34 34 46 38 52 44L44 72C36 70 31 60 28 54Z"
    head = "M36 36C30 32 24 34 20 38C15 43 9 47 5 51C1.6 54.6 2 60 6 61.6C11 63.4 16 59 21 57C26 56 31 58 36 54C41 48 41 40 36 36Z"
    bell = "M29 54C31 60 31 66 29.4 70C27 67 25.6 62 25 57Z"
    ear = "M36 37C40 31 45 30 49 31C48 36 44 40 38 41Z"

    def leg(x, y, k=0):
        return f"M{x} {y}L{x + 1.2 + k} 84L{x + k} 93C{x - 0.6 + k} 96 {x + 0.6 + k} 97 {x + 2 + k} 97L{x + 7 + k} 97C{x + 8.4 + k} 97 {x + 9 + k} 96 {x + 8.6 + k} 94L{x + 8 + k} 84L{x + 12} {y}Z"

    palm = "M31 36C29 29 20 30 13 25C7 21 4 15 4 8C8 10 10 13 12.6 14C12 10 12.4 6 14 3C16.6 6 18 10 19.6 13C20.6 9 22.4 6 25 4C26.4 8 26.4 12 26.8 16C28.6 13 31 11 34 10C34.6 15 33.4 19 34 24C35 29 36 32 36 36Z"
    far_palm = tr(palm, "translate(66 1) scale(-1 1)")
    hoof = "M0 92L100 92L100 100L0 100Z"
    stock = "M0 80L100 80L100 92L0 92Z"
    P = [(stock, pale), (hoof, dk)]
    return [
        dict(s=["M86 50C90 52 90 58 88 62C85 60 84 54 84 50Z"], c=far, lam=4),
        dict(s=[leg(44, 66)], c=far, p=P, lam=4),
        dict(s=[leg(66, 64)], c=far, p=P, lam=4, ao=0.2),
        dict(s=[far_palm], c=ant, lam=4, ao=0),
        dict(s=[torso, neck, leg(34, 62), leg(76, 60)], c=c, p=P, lam=6),
        dict(s=[ear], c=far, lam=3, ao=0.3),
        dict(s=[bell], c=far, lam=3, ao=0.2),
        dict(s=[head], c=c, p=[("M0 50L12 45Q16 53 12 66L0 66Z", pale)], lam=6, ao=0.4),
        dict(s=[palm], c=ant, lam=4, ao=0.35),
        dict(s=[ell(5.6, 53.4, 1.3, 1.6, 30)], c=dk, lam=2, ao=0),
        dict(s=[ell(22, 43, 1.7, 2.5)], c=dk, lam=2, ao=0.1),
    ]


CATS = {
    "smiling-cat": "1f63a",
    "grinning-cat": "1f638",
    "laughing-cat": "1f639",
    "heart-eyes-cat": "1f63b",
    "crying-cat": "1f63f",
    "grumpy-cat": "1f63e",
}  # not the scared cat: its face brings its own front paws


def cat(cp):
    def f(st):
        c, far, cream = {
            "3d": ("#fcab45", "#e08c2e", "#ffe0b0"),
            "flat": ("#ffb02e", "#e0922a", "#ffdea7"),
            "cartoon": ("#ffc022", "#e8a200", "#ffe082"),
        }[st]
        tail = [line("M60 92C74 95 84 90 84 78C84 68 80 62 84 55", 7.5)]
        body = "M50 44C60 44 67 58 69 74C71 90 69 97 58 97L42 97C31 97 29 90 31 74C33 58 40 44 50 44Z"
        haunch = "M28 97C23 97 22.6 90 25 83C27 76 34 73 38.5 79C42 85 40 92 38 97Z"
        leg = "M40.4 66C38 74 40 82 40.4 88L38.5 92C37 95 38.5 97 41 97L47 97C49 97 49.7 96 49.7 94L49.7 66Z"
        ruff = "M38 46L62 46C64 58 61 66 56 71C53.6 73.4 46.4 73.4 44 71C39 66 36 58 38 46Z"
        h = c if st == "3d" else far
        return [
            dict(s=tail, c=c, lam=5),
            dict(s=[haunch], c=h, lam=6, ao=0),
            dict(s=[mir(haunch)], c=h, lam=6, ao=0.3),
            dict(s=[body], c=c, lam=8, ao=0.4),
            dict(s=both(leg), c=c, lam=5, ao=0.3),
            dict(
                s=[line("M50 72L50 96", 1.1)] + both(line("M41.2 77C39.8 82 41.4 88 40 91.5", 1.1)),
                c=far,
                only=("flat", "cartoon"),
            ),
            dict(s=[ruff], c=cream, lam=7, ao=0.15),
            dict(face=cp, at=(50, 31, 58), at_cartoon=(50, 31, 56), ao=0.5, aor=3),
        ]

    return f


for k, v in CATS.items():
    art(k)(cat(v))


@art("boar-stand")
def _(st):
    c, far, mane, pink, dk, tusk = {
        "3d": ("#845045", "#623a35", "#4a2d2e", "#ff9bb0", "#33252b", "#f7f2fb"),
        "flat": ("#6d4534", "#523326", "#402a32", "#ff8687", "#1c1c1c", "#d3d3d3"),
        "cartoon": ("#875b52", "#6b453d", "#5c3f38", "#f2c2a0", "#2b2b2b", "#eeeeee"),
    }[st]
    torso = "M27 52C31 36 48 30 60 33C76 36 90 44 91 60C92 72 86 80 76 81L42 82C30 80 24 66 27 52Z"
    head = "M41 43C33 39 25 43 18.6 51C13.6 57 9 60.6 6 63C3.6 65 3.4 72.6 5.4 74.6C8 77 16 76.4 22 77C32 78 43 75 46 65C48.6 55 47 46 41 43Z"
    bristle = "M31 44L35 31L40 34L44 25L49.5 30L54.5 23L59.5 29L66 25L69 31.4L76 30L77 36.6L84 38L80 46L50 48Z"
    ear = "M37 47C34 38 36 30 42 25.6C48 31 51 41 47.6 50C44 52.6 40 51 37 47Z"
    inner = "M39.8 45.6C38.2 39.6 39.4 34 42.4 31C45.8 35 47.2 41.4 45.4 47C43.6 48.6 41.4 48 39.8 45.6Z"
    tuskp = "M17.4 76C13.4 73 12.6 67 15.6 61.6C16.8 66 20 69.6 25 71.4C24 74.6 21 76.4 17.4 76Z"

    def leg(x):
        return f"M{x - 1} 70L{x + 0.6} 86L{x} 94C{x - 0.2} 96 {x + 0.6} 97 {x + 2} 97L{x + 8} 97C{x + 9.6} 97 {x + 10} 96 {x + 9.8} 94L{x + 10} 86L{x + 13} 70Z"

    hoof = "M0 91.6L100 91.6L100 100L0 100Z"
    P = [(hoof, dk)]
    return [
        dict(s=[line("M89 54C94 55 96.4 60 95 67", 2.6), ell(94.8, 69, 2.2, 3.6)], c=far, lam=3),
        dict(s=[leg(45)], c=far, p=P, lam=4),
        dict(s=[leg(63)], c=far, p=P, lam=4, ao=0.2),
        dict(s=[bristle], c=mane, lam=4, ao=0),
        dict(s=[torso, leg(33), leg(75)], c=c, p=P, lam=7),
        dict(s=[head], c=c if st == "3d" else "#7d5140" if st == "flat" else "#946a60", lam=7, ao=0.45),
        dict(s=[tuskp], c=tusk, lam=3, ao=0.3),
        dict(s=[ell(6.4, 68.6, 3.7, 6.4)], c=pink, lam=4, ao=0.2),
        dict(s=[ell(5.8, 66.6, 1, 1.8), ell(5.8, 71, 1, 1.8)], c=dk, lam=2, ao=0),
        dict(s=[ear], c=far, lam=4, ao=0.3),
        dict(s=[inner], c=pink, lam=3, ao=0.15),
        dict(s=[ell(26.6, 55, 1.8, 2.7)], c=dk, lam=2, ao=0.1),
    ]


def bear_walk(st, pal, muzzle, inner, ln=None):
    c, far, _pale = pal[st]
    dk = "#33252b" if st == "3d" else "#212121"
    torso = "M30 44C38 35 50 37 60 38.6C76 39 90 45 92 60C93 72 88 80 78 81L44 82C32 80 26 70 26 60C26 52 27 48 30 44Z"
    head = "M38 38C32 33 22 36 17 43C14 48 9 51 6 53.5C3 56 3.4 61 6.5 63C10 65.4 18 66.6 24 67C34 67.6 44 61 45 51C45.6 45 42.6 41 38 38Z"
    fore = "M30 64C32 76 30 84 27 90C25 93 25 97 28.6 97L40 97C42.6 97 43.6 95.4 43.6 93C43.8 86 47 78 48 68Z"
    farf = "M42 74C44 82 45 88 45.6 91C46 95 47 97 49.6 97L56 97C58.4 97 58.2 94 57.4 92C56 87 55.8 82 56 76Z"
    hind = "M64 62C74 54 92 56 91 70C90.6 78 90 84 92 90C93 93.6 93 97 89.6 97L79 97C76.6 97 75.6 95.6 75 93C74 88 67 84 64 76Z"
    farh = "M62 74C62 82 61.4 86 60 91C59 94 59.4 97 62 97L70 97C72.4 97 73 95.6 73.4 94L77 78Z"
    earp, farear, tail = ell(37, 38, 5.4, 5.6), ell(26, 37.6, 4.2, 4.6), ell(91.6, 56.6, 4.4)
    L = [
        dict(s=[tail], c=c, lam=5),
        dict(s=[farf], c=far),
        dict(s=[farh], c=far, ao=0.2),
        dict(s=[torso, fore, hind], c=c, lam=8),
        dict(s=[farear], c=far, lam=4, ao=0),
        dict(s=[head], c=c, p=[("M0 44L12 46Q19 54 16.6 70L0 70Z", muzzle)], lam=7, ao=0.45),
        dict(s=[earp], c=c, lam=4, ao=0.35),
        dict(s=[ell(36.6, 39, 2.9, 3.2)], c=inner, lam=3, ao=0.15),
        dict(s=[line("M6.4 59.4C9.6 61.6 13.6 61.4 16.4 59.4", 1.3)], c=dk, lam=2, ao=0),
        dict(s=[ell(5.6, 54, 3.5, 3)], c=dk, lam=3, ao=0.15),
        dict(s=[ell(22.6, 47, 1.8, 2.7)], c=dk, lam=2, ao=0.1),
    ]
    if st != "3d" and not ln:
        L.insert(5, dict(s=[tr(head, "translate(1.2 1.8)")], c=far, clip=[torso, fore]))
    if ln and st in ln:
        o = ln[st]
        L = (
            [dict(s=[torso, fore, hind, farf, farh], c=o, out=1.3), dict(s=[ell(91.6, 56.6, 5.7)], c=o)]
            + L[:4]
            + [
                dict(s=[head], c=o, out=1.2),
                dict(s=[ell(26, 37.6, 5.4, 5.8)], c=o),
                L[4],
                dict(s=[ell(37, 38, 6.6, 6.8)], c=o),
            ]
            + L[5:]
        )
    return L


@art("bear-walk")
def _(st):
    return bear_walk(
        st,
        BEAR,
        {"3d": "#d79a66", "flat": "#f3ad61", "cartoon": "#eda455"}[st],
        {"3d": "#d79a66", "flat": "#f3ad61", "cartoon": "#bb9079"}[st],
    )


@art("polar-bear-walk")
def _(st):
    return bear_walk(
        st,
        POLAR,
        {"3d": "#ffffff", "flat": "#ffffff", "cartoon": "#d5dde3"}[st],
        {"3d": "#cfc9dc", "flat": "#636363", "cartoon": "#a9d3e2"}[st],
        {"flat": "#9b9b9b", "cartoon": "#81bfd4"},
    )


@art("lion-sit")
def _(st):
    c, far, pale, mane = LION[st]
    L = sit(st, c, far, pale, None, dict(face="1f981", at=(50, 32, 58), at_cartoon=(50, 34, 55), ao=0.5, aor=3))
    tail = [
        dict(s=[line("M62 93C76 96 86 92 86 82C86 74 82 68 86 60", 5)], c=c, lam=6),
        dict(s=["M82 62C79 54 83 45 92 42C97 49 97 59 90 64C87 66 84 65 82 62Z"], c=mane, lam=6, ao=0.3),
    ]
    lines = dict(s=[line("M50 84L50 96", 1.1)] + both(line("M41 85L40 91.5", 1.1)), c=far, only=("flat", "cartoon"))
    L[-2]["c"] = {"3d": "#6a3c40"}.get(st, mane)  # the mane goes on down the chest
    return tail + L[1:-2] + [lines] + L[-2:]


@art("raccoon-sit")
def _(st):
    c, far, pale, dark = RAC[st]
    L = sit(st, c, far, pale, dark, dict(face="1f99d", at=(50, 33, 60), at_cartoon=(50, 32, 62), ao=0.5, aor=3))
    tail = "M58 94C74 97 82 88 80 76C78.5 66 82 54 91 46C98 55 100 70 96.6 82C93 93 78 99 58 97Z"
    rings = [
        (line("M76 66L104 68", 5.4), dark),
        (line("M76 80L100 86", 5.4), dark),
        ("M76 57L90 54L104 57L104 30L76 30Z", dark),
        (line("M72 88L84 100", 5.4), dark),
    ]
    return [dict(s=[tail], c=c, p=rings, lam=6)] + L[1:]


MONKEYS = {"monkey-eyes": "1f648", "monkey-ears": "1f649", "monkey-mouth": "1f64a"}


def monkey(cp):
    def f(st):
        c, far, pink = {
            "3d": ("#8c6055", "#6b4640", "#f0a898"),
            "flat": ("#6d4534", "#573626", "#e39d89"),
            "cartoon": ("#bb8959", "#9b6b41", "#ffcc80"),
        }[st]
        tail = [line("M66 92C78 95 88 90 88 80C88 71 80 68 80 60C80 55 85 52 89 54", 5.5)]
        body = "M50 44C63 44 70 58 71 75C72 90 66 96 50 96C34 96 28 90 29 75C30 58 37 44 50 44Z"
        L = [dict(s=tail, c=c, lam=5), dict(s=[body], c=c, p=[(ell(50, 78, 13, 15), pink)], lam=9, ao=0.4)]
        for g in (lambda q: q, mir):
            L += [
                dict(
                    s=[g("M42 84C36 74 24 76 20 84C17 90 18 96 23 96L36 96C41 95 44 90 42 84Z")],
                    c=c if st == "3d" else far,
                    lam=7,
                    ao=0.4,
                ),
                dict(s=[g(ell(24, 93.6, 7.5, 4.4))], c=pink, lam=4, ao=0.35),
            ]
        return L + [dict(face=cp, at=(50, 36, 62), at_cartoon=(50, 36, 62), ao=0.5, aor=3)]

    return f


for k, v in MONKEYS.items():
    art(k)(monkey(v))
