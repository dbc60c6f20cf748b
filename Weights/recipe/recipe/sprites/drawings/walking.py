"""Animals on four legs, their heads to the viewer: fox, wolf, raccoon, lion; bears."""

from .canvas import both, ell, line, mir
from .register import art

TORSO = "M20 52C22 40 34 41 44 44C54 46.5 62 44 69 46C78 49 80 60 77 68C74 74 66 72 60 73C52 74 46 75 38 76C26 77 18 66 20 52Z"
FORE = "M22 60C22 72 24 80 25 88L22 92C20.6 95 22 97 24.5 97L33 97C35 97 36 96 36 94L37 84C38 78 40 74 40 66Z"
HIND = "M57 56C64 46 80 50 80 63C80 71 76 75 75 80C74.5 84 77 88 77 93C77 96 76 97 74 97L66 97C63 97 62 94.5 64 92.5L66.5 91C65 86 58 80 56 72Z"
FARFORE = "M34 68L38 97L46 97C48 97 49 95.5 48.4 93.6C47 90 47 82 48 70Z"
FARHIND = "M54 66C52 76 55 82 55 88L52 92.5C51 95 52 97 54.4 97L70 97L71 82Z"
SOCKS = "M0 84L22 84Q26 81 30 84Q34 87 40 83L52 84Q56 80 60 83L66 83Q72 80 84 84L84 100L0 100Z"
RUFF = "M16 50L44 46C46 58 40 72 33 78C25 76 18 66 16 50Z"


def slim(c, far, tail, patches=(), socks=None, faces=()):
    s = [(SOCKS, socks)] if socks else []
    return (
        tail
        + [
            dict(s=[FARFORE], c=far, p=s),
            dict(s=[FARHIND], c=far, p=s, ao=0.2),
            dict(s=[TORSO, FORE, HIND], c=c, p=list(patches) + s, lam=7),
        ]
        + list(faces)
    )


# coat, far legs, cream, socks
FOX = {
    "3d": ("#ff8524", "#e2661c", "#ffdfae", "#463840"),
    "flat": ("#ff822d", "#e5671a", "#ffdea7", "#212121"),
    "cartoon": ("#ff6011", "#d94f0c", "#e6e3e0", "#575a5b"),
}


@art("fox-stand")
def _(st):
    c, far, cream, sock = FOX[st]
    tail = "M68 56C80 60 83 50 81 40C79 28 84 16 96.4 8C99.6 22 99.6 38 96 50C92.4 63 82 72 70 68Z"
    tip = "M76 34L83 27L86.5 32L91 25L93.5 31L97 25L104 30L104 0L76 0Z"
    return slim(
        c,
        far,
        [dict(s=[tail], c=c, p=[(tip, cream)], lam=6)],
        [(RUFF, cream)],
        sock,
        [dict(face="1f98a", at=(29, 32, 47), at_cartoon=(29, 32, 52), ao=0.5, aor=3)],
    )


LEGLINES = [line("M50 74L50 84", 1.1)] + both(line("M41.4 78C40.4 81 40.8 83 41 85", 1.1))


def sit(st, c, far, cream, sock, head):
    tail = "M58 94C74 97 82 88 80 76C78.5 66 82 54 92 47C99 56 101 70 97 82C93 93 78 99 58 97Z"
    tip = "M76 68L80 62L83 66.5L87 60.5L90 66L95 61L104 66L104 40L76 40Z"
    body = "M50 40C62 40 68 58 70 74C72 90 70 97 58 97L42 97C30 97 28 90 30 74C32 58 38 40 50 40Z"
    haunch = "M27 97C21.5 97 21 90 23.5 83C26 75 34 72 38.5 78C42 84 40 92 38 97Z"
    leg = "M40 66C37 74 39.5 82 40 88L37.5 92C36 95 37.5 97 40 97L47 97C49 97 49.7 96 49.7 94L49.7 66Z"
    ruff = "M37 44L63 44C66 55 63 65 57.5 70L56 76.5L52.6 73.5L50 80L47.4 73.5L44 76.5L42.5 70C37 65 34 55 37 44Z"
    socks = "M30 85Q37 81 42 84.5Q46 87 50 83.5Q54 87 58 84.5Q63 81 70 85L70 100L30 100Z"
    return [
        dict(s=[tail], c=c, p=[(tip, cream)], lam=6),
        dict(s=[haunch], c=far if st != "3d" else c, lam=6, ao=0),
        dict(s=[mir(haunch)], c=far if st != "3d" else c, lam=6, ao=0.3),
        dict(s=[body], c=c, lam=8, ao=0.4),
        dict(s=both(leg), c=c, p=[(socks, sock)] if sock else [], lam=5, ao=0.3),
        dict(s=LEGLINES, c=far, only=("flat", "cartoon")),
        dict(s=[ruff], c=cream, lam=7, ao=0.25),
        head,
    ]


@art("fox-sit")
def _(st):
    return sit(st, *FOX[st], dict(face="1f98a", at=(50, 29, 52), at_cartoon=(50, 29, 58), ao=0.5, aor=3))


WOLF = {
    "3d": ("#a3a1a6", "#7c7a82", "#e4e0e6"),
    "flat": ("#9b9b9b", "#7a7a7a", "#d3d3d3"),
    "cartoon": ("#b0b0b0", "#8f8f8f", "#e0e0e0"),
}


@art("wolf-stand")
def _(st):
    c, far, pale = WOLF[st]
    tail = "M66 48C80 46 90 54 93 66C95 75 93 84 88 91C82 88 76 82 74 74C72 68 68 64 66 60Z"
    tip = "M70 84L77 76L81 80L86 74L90 79L100 74L100 100L70 100Z"
    belly = "M39 78C39.6 73 41 71 45 70.5C51 70 56 69 58 70.5C60 73 60 76 61 80Z"
    return slim(
        c,
        far,
        [dict(s=[tail], c=c, p=[(tip, pale)], lam=6)],
        [(RUFF, pale), (belly, pale)],
        None,
        [dict(face="1f43a", at=(29, 33, 52), at_cartoon=(29, 33, 54), ao=0.5, aor=3)],
    )


@art("wolf-sit")
def _(st):
    L = sit(st, *WOLF[st], None, dict(face="1f43a", at=(50, 30, 56), at_cartoon=(50, 30, 58), ao=0.5, aor=3))
    return (
        L[:-2]
        + [
            dict(
                s=[line("M50 84L50 96", 1.1)] + both(line("M41 85L40 91.5", 1.1)),
                c=WOLF[st][1],
                only=("flat", "cartoon"),
            )
        ]
        + L[-2:]
    )


LION = {
    "3d": ("#f9a62c", "#d9821d", "#ffc76b", "#6b4038"),
    "flat": ("#ffb02e", "#e0922a", "#ffcf7a", "#6d4534"),
    "cartoon": ("#fcb315", "#e09200", "#ffd26a", "#875b52"),
}


@art("lion-stand")
def _(st):
    c, far, pale, mane = LION[st]
    tail = [
        dict(s=[line("M74 56C84 60 90 54 88 44C86 36 88 30 93 27", 5)], c=c, lam=6),
        dict(s=["M88 31C84 24 87 15 94.6 11C99.6 18 100 28 94.6 34C92 36 89 34 88 31Z"], c=mane, lam=6, ao=0.3),
    ]
    return slim(
        c,
        far,
        tail,
        [("M39 78C39.6 73.6 41 71.8 45 71.3C51 70.8 56 70 58 71.3C60 73 60 76 61 80Z", pale)],
        None,
        [dict(face="1f981", at=(29, 35, 55), at_cartoon=(29, 35, 57), ao=0.5, aor=3)],
    )


RAC = {
    "3d": ("#9d9ba3", "#6f6c78", "#dcd8e0", "#4a444e"),
    "flat": ("#9b9b9b", "#767676", "#d3d3d3", "#4a4a4a"),
    "cartoon": ("#9e9e9e", "#757575", "#d8d8d8", "#4d565a"),
}


@art("raccoon-stand")
def _(st):
    c, far, pale, dark = RAC[st]
    torso = "M20 62C22 50 34 50 44 46C54 42 66 42 74 50C82 58 82 72 78 78C74 83 66 82 60 82C52 83 46 84 38 84C26 84 18 74 20 62Z"
    fore = "M22 68C22 78 24 84 25 89L22 92C20.6 95 22 97 24.5 97L33 97C35 97 36 96 36 94L37 88C38 84 40 80 40 72Z"
    hind = "M57 64C64 54 82 58 82 72C82 79 77 82 76.5 86C76.5 88 78 90 78 93C78 96 77 97 75 97L66 97C63 97 62 94.5 64 92.5L66.5 91C65 88 58 84 56 78Z"
    farfore = "M34 76L38 97L46 97C48 97 49 95.5 48.4 93.6C47 90 47 86 48 78Z"
    farhind = "M54 76C52 80 55 84 55 89L52 92.5C51 95 52 97 54.4 97L70 97L71 86Z"
    paws = "M0 89L50 89Q56 87 60 89L90 89L90 100L0 100Z"
    tail = "M68 62C77 68 81 60 80 50C79 38 83 28 91 23C98 31 100 45 96 57C91.6 69 82 79 70 74Z"
    rings = [
        (line("M76 42L102 47.5", 5), dark),
        (line("M76 55L100 62", 5), dark),
        ("M76 34L89 30L104 34L104 10L76 10Z", dark),
        (line("M73 64L88 76", 5), dark),
    ]
    return [
        dict(s=[tail], c=c, p=rings, lam=6),
        dict(s=[farfore], c=far, p=[(paws, dark)]),
        dict(s=[farhind], c=far, p=[(paws, dark)], ao=0.2),
        dict(
            s=[torso, fore, hind],
            c=c,
            p=[("M38.6 86C38.6 80.4 41 79.4 45 79C51 78.6 56 78 58.4 79C60.4 80 60.6 83 61 88Z", pale), (paws, dark)],
            lam=7,
        ),
        dict(face="1f99d", at=(29, 48, 50), at_cartoon=(29, 46, 53), ao=0.5, aor=3),
    ]


# ================================================================ bears, standing
BTORSO = "M16 60C16 46 32 38 50 38C70 37 87 45 88 62C89 74 84 80 74 81L34 82C22 82 16 73 16 60Z"
BFORE = "M17 64C17 77 20 84 20 90C18 92 17.5 97 21 97L35 97C37.5 97 38.2 95 37.8 92C37.4 85 42 78 42 68Z"
BHIND = "M61 60C69 50 89 53 88.6 69C88 78 86 84 86 92C86.3 95 85.5 97 83 97L69 97C65.5 97 65.5 93.5 67.5 91C68 87 61 82 59 74Z"
BFARF = "M36 78L39 97L50 97C52 97 52.6 95 52 92.5C51 88 51 84 52 78Z"
BFARH = "M53 78C54 84 56 88 56 91C54 93.5 54 97 57 97L67 97L69 80Z"
BEAR = {
    "3d": ("#85523f", "#63382f", "#c98a5a"),
    "flat": ("#a56953", "#7d4c3a", "#f3ad61"),
    "cartoon": ("#875b52", "#6b453d", "#bb9079"),
}
POLAR = {
    "3d": ("#f3f1fa", "#cfcae0", "#ffffff"),
    "flat": ("#f4f4f4", "#d3d3d3", "#ffffff"),
    "cartoon": ("#ffffff", "#d6e3ea", "#ffffff"),
}


def bear(cp, pal, st, w, ln=None):
    c, far, _pale = pal[st]
    L = [dict(s=[ell(88, 58, 5)], c=c, lam=6)]
    L += [dict(s=[BFARF], c=far), dict(s=[BFARH], c=far, ao=0.2), dict(s=[BTORSO, BFORE, BHIND], c=c, lam=8)]
    if ln and st in ln:
        L = [dict(s=[BTORSO, BFORE, BHIND, BFARF, BFARH], c=ln[st], out=1.3), dict(s=[ell(88, 58, 6.3)], c=ln[st])] + L
    return L + [dict(face=cp, at=(29, 46, w), at_cartoon=(29, 45, w + 2), ao=0.5, aor=3)]


@art("bear-stand")
def _(st):
    return bear("1f43b", BEAR, st, 47)


@art("polar-bear-stand")
def _(st):
    return bear("1f43b-200d-2744", POLAR, st, 47, {"flat": "#9b9b9b", "cartoon": "#81bfd4"})
