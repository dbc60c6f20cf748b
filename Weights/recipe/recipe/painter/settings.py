"""The places a scene can be in: ground, hills, weather, and what stands about. `places` has the words for them."""

from dataclasses import dataclass

from .palette import RGB

Span = tuple[float, float]


@dataclass(frozen=True)
class Setting:
    """A place. Strengths are 0…1 and off by default; colours are RGB in 0…1."""

    skies: tuple[str, ...] = ("day", "day", "day", "overcast", "sunset", "night")
    flat: tuple[tuple[RGB, RGB], ...] = ()  # (top, bottom) in place of the sky: indoors, water, space
    horizon: Span = (0.50, 0.68)  # as a share of the height from the top
    ground: tuple[tuple[RGB, RGB], ...] = ()  # (near, far)
    ambient: RGB | None = None  # tint of the light, where it does not follow the time of day
    hills: tuple[tuple[str, RGB], ...] = ()  # (kind, colour), the nearer one first
    noise: float = 0
    waves: float = 0
    clouds: float = 0
    stars: float | None = None  # None: by night alone
    nebula: float = 0
    snowcap: float = 0
    snowfall: float = 0  # the chance of it
    rain: float = 0
    bubbles: float = 0
    rays: float = 0
    planks: float = 0
    furrows: float = 0
    road: float = 0
    props: tuple[str, ...] = ()  # things that stand about, not named in the caption
    prop_chance: float = 0
    prop_count: tuple[int, int] = (1, 3)
    props_in_sky: bool = False
    autumn_trees: bool = False
    time_phrase_chance: float | None = None  # None: by the time of day


SETTINGS = {
    "snow": Setting(
        ground=(((0.9, 0.94, 1.0), (0.99, 1, 1)), ((0.8, 0.88, 0.97), (0.95, 0.98, 1.0))),
        noise=0.03,
        hills=(("hill", (0.82, 0.89, 0.97)), ("peak", (0.66, 0.76, 0.88))),
        props=("pine tree", "snowman"),
        prop_chance=0.6,
        snowfall=0.45,
        skies=("day", "overcast", "sunset", "night"),
    ),
    "forest": Setting(
        ground=(((0.2, 0.42, 0.16), (0.36, 0.58, 0.25)), ((0.25, 0.38, 0.16), (0.4, 0.52, 0.24))),
        noise=0.08,
        hills=(("hill", (0.24, 0.46, 0.26)), ("hill", (0.16, 0.36, 0.22))),
        props=("pine tree", "tree", "mushroom"),
        prop_chance=1.0,
        prop_count=(3, 6),
    ),
    "meadow": Setting(
        ground=(((0.36, 0.66, 0.22), (0.58, 0.8, 0.35)), ((0.42, 0.72, 0.28), (0.66, 0.84, 0.42))),
        noise=0.06,
        hills=(("hill", (0.48, 0.72, 0.34)), ("hill", (0.4, 0.64, 0.36))),
        props=("tulip", "sunflower", "daisy", "daisy", "cherry blossom", "rose", "hibiscus"),
        prop_chance=0.6,
        prop_count=(1, 5),
    ),
    "beach": Setting(
        ground=(((0.93, 0.8, 0.55), (0.98, 0.9, 0.7)), ((0.96, 0.86, 0.64), (0.99, 0.94, 0.8))),
        noise=0.04,
        hills=(("sea", (0.16, 0.56, 0.78)),),
        props=("palm tree", "beach umbrella", "seashell"),
        prop_chance=0.6,
        skies=("day", "day", "sunset", "night"),
    ),
    "ocean": Setting(
        ground=(((0.05, 0.32, 0.58), (0.2, 0.56, 0.78)), ((0.08, 0.38, 0.62), (0.28, 0.64, 0.82))),
        noise=0.03,
        waves=0.1,
    ),
    "underwater": Setting(
        flat=(((0.1, 0.52, 0.78), (0.02, 0.18, 0.42)), ((0.14, 0.6, 0.8), (0.03, 0.26, 0.5))),
        ground=(((0.6, 0.6, 0.48), (0.34, 0.5, 0.56)),),
        horizon=(0.82, 0.92),
        noise=0.05,
        bubbles=0.8,
        rays=1.0,
        hills=(("hill", (0.1, 0.34, 0.5)),),
        props=("coral", "seashell", "coral"),
        prop_chance=0.6,
        skies=("day",),
        time_phrase_chance=0,
        ambient=(0.78, 0.92, 1.0),
    ),
    "desert": Setting(
        ground=(((0.86, 0.62, 0.32), (0.95, 0.78, 0.48)), ((0.9, 0.68, 0.4), (0.97, 0.84, 0.56))),
        noise=0.04,
        waves=0.05,
        hills=(("hill", (0.9, 0.7, 0.42)), ("hill", (0.8, 0.56, 0.34))),
        props=("cactus",),
        prop_chance=0.6,
        skies=("day", "day", "sunset", "night"),
    ),
    "mountains": Setting(
        ground=(((0.34, 0.56, 0.28), (0.46, 0.66, 0.36)), ((0.44, 0.48, 0.4), (0.56, 0.6, 0.5))),
        noise=0.06,
        hills=(("peak", (0.46, 0.5, 0.58)), ("peak", (0.36, 0.42, 0.52))),
        snowcap=1.0,
        props=("pine tree",),
        prop_chance=0.5,
    ),
    "space": Setting(
        flat=(
            ((0.01, 0.01, 0.05), (0.06, 0.02, 0.14)),
            ((0.02, 0.02, 0.1), (0.12, 0.04, 0.22)),
            ((0, 0.01, 0.04), (0.02, 0.06, 0.16)),
        ),
        horizon=(1.2, 1.3),
        stars=1.4,
        nebula=0.8,
        props=("saturn", "full moon", "comet", "earth"),
        prop_chance=0.6,
        props_in_sky=True,
        skies=("night",),
        time_phrase_chance=0,
        ambient=(0.95, 0.95, 1.0),
    ),
    "city": Setting(
        ground=(((0.3, 0.31, 0.34), (0.4, 0.41, 0.44)), ((0.36, 0.36, 0.4), (0.48, 0.48, 0.5))),
        noise=0.02,
        hills=(("city", (0.52, 0.56, 0.66)), ("city", (0.38, 0.42, 0.52))),
        props=("office building", "house", "traffic light", "bus stop", "hotel", "bank"),
        prop_chance=0.35,
    ),
    "rain": Setting(
        ground=(((0.3, 0.38, 0.34), (0.42, 0.5, 0.46)), ((0.34, 0.36, 0.4), (0.46, 0.5, 0.54))),
        noise=0.04,
        rain=1.0,
        hills=(("hill", (0.44, 0.5, 0.54)),),
        props=("tree",),
        prop_chance=0.3,
        skies=("overcast",),
        time_phrase_chance=0.1,
    ),
    "room": Setting(
        flat=(
            ((0.95, 0.88, 0.78), (0.93, 0.85, 0.74)),
            ((0.8, 0.88, 0.9), (0.76, 0.85, 0.88)),
            ((0.92, 0.8, 0.8), (0.9, 0.77, 0.77)),
            ((0.82, 0.88, 0.78), (0.78, 0.85, 0.74)),
        ),
        ground=(((0.55, 0.36, 0.22), (0.66, 0.46, 0.3)), ((0.62, 0.46, 0.34), (0.74, 0.58, 0.44))),
        horizon=(0.62, 0.74),
        planks=1.0,
        noise=0.02,
        props=("couch", "potted plant", "framed picture", "bed", "window", "chair", "lamp", "table"),
        prop_chance=0.6,
        skies=("day",),
        time_phrase_chance=0,
    ),
    "farm": Setting(
        ground=(((0.7, 0.6, 0.28), (0.84, 0.74, 0.38)), ((0.52, 0.64, 0.26), (0.7, 0.76, 0.36))),
        noise=0.05,
        furrows=1.0,
        hills=(("hill", (0.56, 0.7, 0.34)),),
        props=("wheat", "sunflower", "tractor", "windmill", "barn"),
        prop_chance=0.55,
        skies=("day", "day", "sunset"),
    ),
    "lake": Setting(
        ground=(((0.2, 0.5, 0.66), (0.5, 0.74, 0.82)), ((0.24, 0.54, 0.62), (0.58, 0.78, 0.82))),
        noise=0.02,
        waves=0.05,
        hills=(("hill", (0.34, 0.56, 0.34)), ("peak", (0.46, 0.54, 0.62))),
    ),
    "sky": Setting(
        horizon=(1.2, 1.3),
        clouds=1.0,
        props=("cloud",),
        prop_chance=0.4,
        props_in_sky=True,
    ),
    "autumn": Setting(
        ground=(((0.66, 0.4, 0.14), (0.82, 0.58, 0.24)), ((0.6, 0.44, 0.16), (0.76, 0.6, 0.28))),
        noise=0.1,
        hills=(("hill", (0.8, 0.46, 0.18)), ("hill", (0.66, 0.34, 0.18))),
        props=("maple leaf", "autumn leaves", "tree", "mushroom"),
        prop_chance=0.75,
        prop_count=(1, 4),
        autumn_trees=True,
    ),
    "jungle": Setting(
        ground=(((0.12, 0.36, 0.16), (0.24, 0.5, 0.22)),),
        noise=0.1,
        hills=(("hill", (0.16, 0.42, 0.22)), ("hill", (0.1, 0.32, 0.18))),
        props=("palm tree", "tree", "fern", "hibiscus"),
        prop_chance=1.0,
        prop_count=(2, 5),
        skies=("day", "overcast"),
        time_phrase_chance=0.1,
    ),
    "garden": Setting(
        ground=(((0.34, 0.62, 0.28), (0.5, 0.74, 0.36)),),
        noise=0.07,
        hills=(("hedge", (0.2, 0.48, 0.24)),),
        props=("tulip", "rose", "sunflower", "daisy", "hibiscus", "potted plant"),
        prop_chance=1.0,
        prop_count=(2, 5),
        skies=("day", "day", "sunset"),
    ),
    "road": Setting(
        ground=(((0.36, 0.36, 0.38), (0.46, 0.46, 0.48)),),
        noise=0.02,
        road=1.0,
        hills=(("hill", (0.44, 0.66, 0.34)), ("hill", (0.4, 0.58, 0.4))),
        props=("tree", "stop sign"),
        prop_chance=0.3,
    ),
    "plain": Setting(),
}
SETTING_NAMES = list(SETTINGS)

# What the concept tables call habitats, where settings have other names.
HABITATS = {
    "ocean surface": "ocean",
    "night sky": "sky",
    "city street": "city",
    "sunset field": "meadow",
    "indoors room": "room",
    "clouds": "sky",
    "autumn park": "autumn",
}
