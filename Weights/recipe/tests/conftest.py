"""A micro world: six things drawn here, and a configuration that trains everything in seconds."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from recipe import config
from recipe.stages import autoencoder, data, text, tokenizer, transformer
from recipe.workspace import Workspace

torch.set_num_threads(1)
REPOSITORY = Path(__file__).resolve().parents[3]
SPIECE = REPOSITORY / "Tokenizer" / "spiece.model"

COLORS = dict(ball="#d02020", cube="#2050d0", fish="#f08020", kite="#20a040", egg="#f0e8d0", hat="#8030b0")
ROWS = [  # concept, habitat, floats, swims, recolorable, size, category
    ("ball", "meadow|beach", "", "", "yes", 1, "object"),
    ("cube", "indoors room", "", "", "yes", 3, "object"),
    ("fish", "underwater|lake", "", "yes", "yes", 2, "animal-water"),
    ("kite", "clouds", "yes", "", "yes", 2, "object"),
    ("egg", "farm", "", "", "", 1, "food"),
    ("hat", "", "", "", "yes", 1, "clothing"),
]
MICRO = f"""
name = "micro"
prompts = "prompts.txt"
precision = "f32"
compile = false
[data]
sprites = "cut-outs"
[tokenizer]
given = "{SPIECE}"
captions = 200
[autoencoder]
budget = "24 steps"
batch = 4
size = 32
warmup = 4
learning_rate = 2e-3
[text]
budget = "12 steps"
batch = 32
warmup = 2
teacher = "none"
[transformer]
hidden_size = 48
depth = 5
heads = 2
base_grid = 2
stable = "24 steps"
decay = "12 steps"
routed = 0.3
batch = 16
context = 24
muon_rate = 4e-3
adam_rate = 4e-3
text_rate = 1e-4
warmup = 4
average = 0.9
average_decay = 0.9
cache = 96
first = 32
refill = 0.1
buckets = [
  {{ size = [64, 64], stable = 0.8, decay = 0.6 }},
  {{ size = [96, 64], stable = 0.2, decay = 0.4 }},
]
[export]
size = [96, 96]
steps = 4
captions = 500
[judge]
budget = "10 steps"
batch = 16
size = 32
warmup = 4
learning_rate = 1e-3
[distil]
rank = 4
rate = 4e-3
warmup = 2
average = 0.9
guidance_budget = "60 steps"
steps_budget = "60 steps"
[draw]
size = [64, 64]
steps = 3
"""


def program() -> Path | None:
    candidate = Path(os.environ.get("DIT_T2I") or REPOSITORY / ".build" / "release" / "dit-t2i")
    return candidate if os.access(candidate, os.X_OK) else None


def draw_cut_outs(folder: Path) -> Path:
    """Two styles of each thing, with a words.csv."""
    folder.mkdir()
    header = ["file", "concept", "style", "view", "habitat", "floats", "swims", "recolorable", "size", "category"]
    with open(folder / "words.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for concept, *properties in ROWS:
            for style in ("3d", "flat"):
                image = Image.new("RGBA", (120, 100))
                pen, fill = ImageDraw.Draw(image), COLORS[concept]
                shape = dict(ball=pen.ellipse, egg=pen.ellipse, cube=pen.rectangle, fish=pen.ellipse)
                if concept in shape:
                    shape[concept]((20, 10, 110 if concept == "fish" else 90, 80), fill=fill)
                else:
                    pen.polygon([(60, 5), (110, 90), (10, 90)], fill=fill)
                if style == "3d":
                    pen.ellipse((45, 30, 60, 45), fill="white")
                name = f"{concept}-{style}.png"
                image.save(folder / name)
                writer.writerow([name, concept, style, "object", *properties])
    return folder


def word_teacher(folder: Path, texts: list[str], device: str) -> torch.Tensor:
    """A stand-in for the sentence encoder: a sum of fixed random vectors, one for each word."""
    out = torch.zeros(len(texts), text.TEACHER_WIDTH)
    for row, line in zip(out, texts):
        for word in line.split():
            seed = int.from_bytes(word.encode()[:7], "big")
            row += torch.randn(text.TEACHER_WIDTH, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(out, dim=-1).half()


def micro(folder: Path, *overrides: str) -> config.Config:
    return config.load(folder / "micro.toml", list(overrides))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the micro configuration and its cut-outs."""
    folder = tmp_path_factory.mktemp("micro")
    draw_cut_outs(folder / "cut-outs")
    (folder / "micro.toml").write_text(MICRO)
    (folder / "prompts.txt").write_text("a red ball in a meadow\na fish in a lake at night\n")
    return folder


@pytest.fixture(scope="session")
def prepared(home: Path) -> Workspace:
    """Data, tokenizer, autoencoder and text encoder, trained for a few steps."""
    workspace, settings = Workspace(home / "work"), micro(home)
    original, text.teach = text.teach, word_teacher
    try:
        for stage in (data, tokenizer, autoencoder, text):
            stage.run(settings, workspace)
    finally:
        text.teach = original
    return workspace


@pytest.fixture(scope="session")
def trained(home: Path, prepared: Workspace) -> Workspace:
    """All of it: the transformer, too."""
    transformer.run(micro(home), prepared)
    return prepared


@pytest.fixture(scope="session")
def shared_pack() -> Path:
    """The real pack of cut-outs, where it is at hand."""
    candidates = [os.environ.get("DIT_T2I_SPRITES"), REPOSITORY.parent / "shared" / "recipe" / "sprites.tar"]
    for candidate in filter(None, candidates):
        if Path(candidate).is_file():
            return Path(candidate)
    pytest.skip("the sprite pack is not at hand: set DIT_T2I_SPRITES to sprites.tar")
