"""Stage `goldens`: numbers for `dit-t2i verify`, from exactly the weights that a model folder holds, int8 or not."""

from __future__ import annotations

import json
from pathlib import Path

from ..config import Config
from ..drawing import read_prompts
from ..goldens import Models, write_goldens
from ..models import DiT, T5Encoder, TinyDecoder
from ..start import Start, read_autoencoder
from ..tokens import Tokens


def run(config: Config, folder: Path) -> None:
    models, names = load(folder)
    width, height = config.export.size
    tokens, prompts = Tokens(folder / "tokenizer/spiece.model"), read_prompts(config)
    write_goldens(folder / "goldens", models, tokens, prompts, names, (height, width), config.export.steps)
    print(f"goldens done: {folder / 'goldens'}")


def load(folder: Path) -> tuple[Models, list[str]]:
    """The networks of a model folder in float32, and its classes' names. Raises ConfigError if it is none of ours."""
    autoencoder, start = read_autoencoder(folder), Start.read(folder)
    described = json.loads((folder / "transformer/config.json").read_text())
    text, dit, decoder = T5Encoder(), DiT.of(described), TinyDecoder()
    text.load_state_dict(start.enc)
    dit.load_state_dict(start.dit)
    decoder.load_state_dict(autoencoder["dec"])
    networks = (network.eval().requires_grad_(False) for network in (dit, text, decoder))
    return Models(*networks, autoencoder["mean"], autoencoder["std"]), start.names
