"""The scene painter: random scenes that come with a caption.

`library`     what there is to draw: things, their words, their cut-outs
`palette`     colours and skies          `settings`  the twenty places a scene can be in
`wording`     phrases                    `backdrop`  a random place, time and weather
`places`      the words for places and times, several hundred each
`composition` where the subjects stand   `sampler`   one whole scene: caption, class, numbers
`selection`   the part of it all that a model is trained on
`parameters`  the layout of those numbers, shared by the sampler and the renderer
`renderer`    numbers to pixels, by way of `sky`, `land`, `cutouts` and `weather`
"""

from .library import Concept, Library, Sprite
from .renderer import SceneRenderer
from .sampler import Labels, Scene, SceneSampler

__all__ = ["Concept", "Labels", "Library", "Scene", "SceneRenderer", "SceneSampler", "Sprite"]
