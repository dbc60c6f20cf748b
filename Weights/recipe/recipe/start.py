"""Weights to go on from: what the stage `transformer` wrote, or a model folder of dit-t2i's, int8 or not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from .config import ConfigError
from .models import DiT, T5Encoder
from .workspace import load, single

CLASSES = "y_table.weight"  # a row for each class, and one for none


@dataclass
class Start:
    dit: dict[str, Tensor]
    enc: dict[str, Tensor]
    names: list[str]  # of the classes

    @classmethod
    def read(cls, path: Path) -> Start:
        try:
            return cls._from_folder(path) if path.is_dir() else cls._from_checkpoint(path)
        except (ConfigError, KeyError, OSError, RuntimeError, SafetensorError) as error:
            raise ConfigError(f"{path}: neither a checkpoint of the recipe's nor a model folder: {error}") from error

    @classmethod
    def _from_checkpoint(cls, path: Path) -> Start:
        state = load(path)
        weights = state.get("raw") or state["ema"]
        return cls(single(weights["dit"]), single(weights["enc"]), state["names"])

    @classmethod
    def _from_folder(cls, path: Path) -> Start:
        encoder = T5Encoder()
        stored = read_tensors(path / "text_encoder/model.safetensors")
        for name, weight in encoder.hugging_face_state().items():
            weight.copy_(stored[name])
        dit = read_tensors(path / "transformer/diffusion_pytorch_model.safetensors")
        return cls(dit, encoder.state_dict(), json.loads((path / "classes.json").read_text()))

    @torch.no_grad()
    def give(self, dit: DiT, encoder: T5Encoder, names: list[str]) -> None:
        """Loads the weights; a class keeps its row by its name, and one that was not there begins afresh."""
        rows = dict(zip([*self.names, None], self.dit[CLASSES]))
        table = dit.y_table.weight.detach().clone()
        for row, name in zip(table, [*names, None]):
            if name in rows:
                row.copy_(rows[name])
        try:
            dit.load_state_dict(self.dit | {CLASSES: table})
            encoder.load_state_dict(self.enc)
        except RuntimeError as error:
            raise ConfigError(f"transformer.start does not fit the configuration: {error}") from error


def read_autoencoder(folder: Path) -> dict[str, Any]:
    """Of a model folder, as the stage `autoencoder` writes it."""
    try:
        described = json.loads((folder / "vae/config.json").read_text())
        stored = read_tensors(folder / "vae/diffusion_pytorch_model.safetensors")
        mean, std = (torch.tensor(described[f"latents_{name}"]) for name in ("mean", "std"))
    except (KeyError, OSError, TypeError, ValueError, SafetensorError) as error:
        raise ConfigError(f"{folder}: no model folder of ours: {error}") from error

    def part(name: str) -> dict[str, Tensor]:
        return {key.removeprefix(name + "."): value for key, value in stored.items() if key.startswith(name + ".")}

    return dict(enc=part("encoder"), dec=part("decoder"), mean=mean, std=std)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """In float32; an int8 matrix is multiplied by its rows' scales."""
    stored = load_file(path)
    scales = {name: stored.pop(name + ".scale") for name in list(stored) if name + ".scale" in stored}
    numbers = {name: value.float() for name, value in stored.items()}
    for name, scale in scales.items():
        numbers[name] *= scale.view(-1, *[1] * (numbers[name].ndim - 1))
    return numbers
