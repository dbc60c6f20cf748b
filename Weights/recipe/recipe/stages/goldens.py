"""Stage `goldens`: numbers for `dit-t2i verify`, from exactly the weights that a model folder holds, int8 or not."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from ..config import Config, ConfigError
from ..drawing import read_prompts
from ..goldens import Models, write_goldens
from ..models import DiT, T5Encoder, TinyDecoder
from ..start import Start, read_tensors
from ..tokens import Tokens


def run(config: Config, folder: Path) -> None:
    models, names = load(folder)
    width, height = config.export.size
    tokens, prompts = Tokens(folder / "tokenizer/spiece.model"), read_prompts(config)
    write_goldens(folder / "goldens", models, tokens, prompts, names, (height, width), config.export.steps)
    print(f"goldens done: {folder / 'goldens'}")


def load(folder: Path) -> tuple[Models, list[str]]:
    """The networks of a model folder in float32, and its classes' names. Raises ConfigError if it is none of ours."""
    if not (folder / "vae/config.json").exists():
        raise ConfigError(f"{folder}: no model folder of ours: it has no vae/config.json")
    start = Start.read(folder)
    text, dit, decoder = T5Encoder(), DiT.of(_described(folder, "transformer")), TinyDecoder()
    text.load_state_dict(start.enc)
    dit.load_state_dict(start.dit)
    stored = read_tensors(folder / "vae/diffusion_pytorch_model.safetensors")
    decoder.load_state_dict({k: stored[f"decoder.{k}"] for k in decoder.state_dict()})
    vae = _described(folder, "vae")
    mean, std = torch.tensor(vae["latents_mean"]), torch.tensor(vae["latents_std"])
    networks = (network.eval().requires_grad_(False) for network in (dit, text, decoder))
    return Models(*networks, mean, std), start.names


def _described(folder: Path, part: str) -> dict:
    return json.loads((folder / part / "config.json").read_text())
