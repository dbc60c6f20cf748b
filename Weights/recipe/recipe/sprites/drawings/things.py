"""Simple things in three styles, as SVG: lighthouse, barn, sword and the like."""


def mix(c, t, k):
    return "#" + "".join(f"{round(int(c[i : i + 2], 16) * (1 - k) + t * k):02x}" for i in (1, 3, 5))


def svg(shapes, style):
    defs, body, n = [], [], 0
    for col, d in shapes:
        n += 1
        if style == "flat":
            fill, extra = col, ""
        elif style == "3d":
            defs.append(
                f'<linearGradient id="g{n}" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="{mix(col, 255, 0.45)}"/>'
                f'<stop offset=".45" stop-color="{col}"/><stop offset="1" stop-color="{mix(col, 30, 0.38)}"/></linearGradient>'
            )
            fill, extra = f"url(#g{n})", ""
        else:
            fill, extra = col, f' stroke="{mix(col, 0, 0.35)}" stroke-width="1.4" stroke-linejoin="round"'
        if d.startswith("c "):
            _, x, y, r = d.split()
            body.append(f'<circle cx="{x}" cy="{y}" r="{r}" fill="{fill}"{extra}/>')
        elif d.startswith("e "):
            _, x, y, a, b = d.split()
            body.append(f'<ellipse cx="{x}" cy="{y}" rx="{a}" ry="{b}" fill="{fill}"{extra}/>')
        elif d.startswith("r "):
            _, x, y, w, h, q = d.split()
            body.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="{q}" fill="{fill}"{extra}/>')
        else:
            body.append(f'<path d="{d}" fill="{fill}"{extra}/>')
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100"><defs>{"".join(defs)}</defs>{"".join(body)}</svg>'


R, W, Y, B, BR, G, GY, K, O, P = (
    "#e8393f",
    "#f7f4f0",
    "#ffc928",
    "#2f8fe0",
    "#8a5a36",
    "#3fae4a",
    "#9aa3ad",
    "#33363d",
    "#ff8a2a",
    "#8d4fd0",
)


def balloon(a, b):
    return [
        (BR, "r 41 83 18 14 3"),
        (K, "M33 62L43 84L45 84L37 62Z"),
        (K, "M67 62L57 84L55 84L63 62Z"),
        (a, "M50 3C26 3 16 20 16 36C16 50 30 60 38 68L62 68C70 60 84 50 84 36C84 20 74 3 50 3Z"),
        (b, "M50 3C40 3 33 20 33 36C33 50 40 60 44 68L56 68C60 60 67 50 67 36C67 20 60 3 50 3Z"),
        (a, "M50 3C46 3 44 20 44 36C44 50 47 60 48 68L52 68C53 60 56 50 56 36C56 20 54 3 50 3Z"),
    ]


THINGS = {
    "hot-air-balloon": balloon(R, Y),
    "hot-air-balloon-b": balloon(B, W),
    "lighthouse": [
        (GY, "M22 97Q50 84 78 97Z"),
        (W, "M38 30L62 30L68 92L32 92Z"),
        (R, "M37 40L63 40L64.4 54L35.6 54Z"),
        (R, "M34.4 66L65.6 66L67 80L33 80Z"),
        (K, "r 34 26 32 5 1"),
        (Y, "r 41 14 18 12 1"),
        (R, "M38 14L50 3L62 14Z"),
    ],
    "windmill": [
        (W, "M36 42L64 42L72 97L28 97Z"),
        (BR, "r 43 78 14 19 6"),
        (R, "M34 44Q50 20 66 44Z"),
        (B, "r 45 55 10 10 2"),
        (BR, "M48 36L52 36L60 3L46 3Z"),
        (BR, "M52 34L52 38L85 46L85 32Z"),
        (BR, "M52 40L48 40L40 73L54 73Z"),
        (BR, "M48 42L48 38L15 30L15 44Z"),
        (K, "c 50 38 4"),
    ],
    "barn": [
        (R, "M12 48L24 24L50 10L76 24L88 48L88 96L12 96Z"),
        (K, "M8 50L22 21L50 5L78 21L92 50L86 52L74 26L50 13L26 26L14 52Z"),
        (W, "r 34 58 32 38 0"),
        (R, "M38 62L48 62L48 92L38 92Z"),
        (R, "M52 62L62 62L62 92L52 92Z"),
        (W, "r 42 30 16 14 1"),
        (K, "r 45 33 10 8 0"),
    ],
    "starfish": [
        (
            O,
            "M50 4C56 22 60 32 66 35C74 38 88 34 96 38C90 48 74 54 71 62C69 70 78 84 78 95C66 92 58 78 50 78C42 78 34 92 22 95C22 84 31 70 29 62C26 54 10 48 4 38C12 34 26 38 34 35C40 32 44 22 50 4Z",
        ),
        (Y, "c 50 30 3"),
        (Y, "c 50 50 4"),
        (Y, "c 34 44 3"),
        (Y, "c 66 44 3"),
        (Y, "c 39 68 3"),
        (Y, "c 61 68 3"),
    ],
    "submarine": [
        (Y, "M42 40L44 26L62 26L66 40Z"),
        (GY, "M52 10L62 10L62 14L56 14L56 28L52 28Z"),
        (Y, "M8 58C8 42 28 38 50 38C72 38 88 44 90 56C90 70 72 80 50 80C28 80 8 74 8 58Z"),
        (O, "M90 44L98 40L98 76L90 70L86 58Z"),
        (W, "c 32 58 8"),
        (B, "c 32 58 5.5"),
        (W, "c 54 58 8"),
        (B, "c 54 58 5.5"),
        (W, "c 74 58 6"),
        (B, "c 74 58 4"),
    ],
    "table": [(BR, "r 4 40 92 10 3"), ("#754a2b", "r 12 50 8 46 2"), ("#754a2b", "r 80 50 8 46 2")],
    "floor-lamp": [(K, "e 50 94 20 4"), (GY, "r 48 36 4 58 1"), (Y, "M34 6L66 6L78 40L22 40Z")],
    "sword": [
        (GY, "M45 66L45 14L50 3L55 14L55 66Z"),
        ("#c9d0d6", "M50 3L55 14L55 66L50 66Z"),
        (Y, "r 30 65 40 7 3"),
        (BR, "r 46 72 8 18 2"),
        (Y, "c 50 93 5"),
    ],
    "treasure-chest": [
        (Y, "M16 46Q50 28 84 46Z"),
        (BR, "M10 44C10 22 24 14 50 14C76 14 90 22 90 44L84 40C80 30 70 28 50 28C30 28 20 30 16 40Z"),
        (BR, "r 10 46 80 44 4"),
        (Y, "r 20 46 8 44 0"),
        (Y, "r 72 46 8 44 0"),
        (Y, "r 43 42 14 18 3"),
        (K, "c 50 52 3"),
    ],
    "bush": [
        (G, "c 28 68 22"),
        (G, "c 72 68 22"),
        (G, "c 50 54 26"),
        ("#2f9a3f", "r 8 66 84 26 12"),
        (R, "c 36 60 4"),
        (R, "c 62 52 4"),
        (R, "c 70 74 4"),
        (R, "c 24 78 4"),
        (R, "c 50 76 4"),
    ],
    "bench": [
        (BR, "r 6 34 88 8 2"),
        (BR, "r 6 46 88 8 2"),
        (BR, "r 2 62 96 8 2"),
        (K, "r 14 34 6 58 1"),
        (K, "r 80 34 6 58 1"),
    ],
    "street-lamp": [
        (K, "r 47 24 6 70 1"),
        (K, "r 38 92 24 6 2"),
        (Y, "M36 10L64 10L58 28L42 28Z"),
        (K, "M34 11L50 2L66 11Z"),
    ],
    "igloo": [
        (W, "M6 92C6 50 24 28 50 28C76 28 94 50 94 92Z"),
        ("#cfe3f2", "M12 66L88 66L89 69L11 69Z"),
        ("#cfe3f2", "M24 46L76 46L78 49L22 49Z"),
        ("#cfe3f2", "r 40 30 3 18 0"),
        ("#cfe3f2", "r 60 48 3 20 0"),
        ("#cfe3f2", "r 24 68 3 22 0"),
        ("#cfe3f2", "r 74 68 3 22 0"),
        ("#dcebf6", "M30 92C30 66 38 58 50 58C62 58 70 66 70 92Z"),
        (K, "M38 92C38 74 42 66 50 66C58 66 62 74 62 92Z"),
    ],
    "pirate-ship": [
        (BR, "r 47 10 5 60 1"),
        (BR, "r 24 24 4 44 1"),
        (W, "M30 18Q62 22 74 20Q66 40 74 60Q56 56 30 58Q40 38 30 18Z"),
        (K, "M52 3L70 7L52 13Z"),
        (BR, "M4 62L20 66L80 66L96 56Q92 84 78 92L26 92Q10 84 4 62Z"),
        (Y, "M8 70L92 66L91 71L10 75Z"),
        (K, "c 34 82 4"),
        (K, "c 50 82 4"),
        (K, "c 66 82 4"),
    ],
}
