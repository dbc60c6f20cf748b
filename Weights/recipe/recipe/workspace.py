"""The folder in which a recipe is made: what each stage reads and writes."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from .config import ConfigError


class Workspace:
    """Paths of one run. Every file is written whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def tokenizer(self) -> Path:
        return self.root / "spiece.model"

    @property
    def corpus(self) -> Path:
        return self.root / "corpus.txt"

    @property
    def model(self) -> Path:
        return self.root / "model"

    def result(self, stage: str) -> Path:
        return self.root / f"{stage}.pt"

    def has(self, stage: str) -> bool:
        """Whether a stage's result is there; says so if it is."""
        if self.result(stage).exists():
            print(f"{stage}: done already")
        return self.result(stage).exists()

    def progress(self, stage: str) -> Path:
        """The checkpoint of an unfinished stage."""
        return self.root / f"{stage}.unfinished.pt"

    def log(self, stage: str) -> Path:
        return self.root / f"{stage}.csv"

    def picture(self, name: str) -> Path:
        return self.root / f"{name}.png"

    def need(self, path: Path, stage: str) -> Path:
        if not path.exists():
            raise ConfigError(f"{path} is missing: run the stage `{stage}` first")
        return path


def save(value: Any, path: Path) -> None:
    """torch.save, in one piece."""
    partial = path.with_name(path.name + ".partial")
    torch.save(value, partial)
    os.replace(partial, path)


def load(path: Path | str, device: torch.device | str = "cpu") -> Any:
    """torch.load of tensors and plain values alone: nothing in the file is executed."""
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    except (EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise ConfigError(f"{path}: damaged, or no checkpoint") from error


def single(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict in float32, whatever it is stored in."""
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
