"""A recipe's configuration: one TOML file, one table per stage, every key checked."""

from __future__ import annotations

import math
import os
import tomllib
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from .budget import Budget


class ConfigError(Exception):
    """Something a user can put right; the message says what."""


@dataclass
class Data:
    sprites: str = ""  # a pack (.tar) or a folder with words.csv; "": build the pack from its public sources
    sources: str = "work/sources"  # where the public sources are kept


@dataclass
class Painter:
    """What part of the painter's world the model is to draw. Empty lists: all of it."""

    concepts: list[str] = field(default_factory=list)
    favourites: list[str] = field(default_factory=list)  # subjects that people ask for, drawn as often as listed
    favourite_share: float = 0.0  # of the scenes: one of the favourites
    settings: list[str] = field(default_factory=list)  # drawn as often as listed
    styles: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    empty_share: float = 1.0  # of the scenes without a subject, how many are kept
    looks: int = 0  # cut-outs per concept; 0: all
    two_looks: list[str] = field(default_factory=list)  # concepts that get one more
    enlarge: float = 1.0  # of a lone subject of middling size
    left_out_words: bool = False  # names places and times by what training leaves out, for the stage `prompts`


@dataclass
class Tokenizer:
    given: str = ""  # a ready spiece.model
    corpus: str = ""  # a ready corpus: .txt or .txt.xz
    vocabulary: int = 8192
    captions: int = 200_000
    wordnet: str = ""  # a folder with WordNet's data.noun …; "": captions and names alone


@dataclass
class Autoencoder:
    given: str = ""  # a ready checkpoint, or a model folder that has one
    budget: str = "300 s"
    batch: int = 20
    size: int = 256  # pixels
    learning_rate: float = 6e-4
    warmup: int = 400  # steps


@dataclass
class Text:
    given: str = ""
    budget: str = "150 s"
    batch: int = 2048
    learning_rate: float = 1e-3
    warmup: int = 300
    teacher: str = ""  # a folder with all-MiniLM-L6-v2


@dataclass
class Bucket:
    """A size of training picture, and its share of the batches in either phase."""

    size: list[int]  # width, height
    stable: float
    decay: float


@dataclass
class Transformer:
    hidden_size: int = 384
    depth: int = 12
    heads: int = 6
    base_grid: int = 16
    buckets: list[Bucket] = field(default_factory=list)
    stable: str = "900 s"  # at constant rate
    decay: str = "400 s"  # to zero
    routed: float = 0.0  # share of the stable phase with half of the tokens routed past the middle blocks
    batch: int = 256  # of the first bucket's size; larger pictures come in smaller batches
    context: int = 32  # tokens of a caption
    muon_rate: float = 8e-4
    adam_rate: float = 8e-4
    text_rate: float = 1.6e-4  # 0: the text encoder stays as it is
    warmup: int = 300
    average: float = 0.9995  # of the weights, per step
    average_decay: float = 0.999
    cache: int = 600_000  # encoded scenes held
    first: int = 40_000  # before training starts
    refill: float = 0.12  # share of the time spent on new scenes
    start: str = ""  # weights to go on from: transformer.pt, or a model folder

    def batch_of(self, bucket: Bucket) -> int:
        """Samples of this size in a step: no more pixels than in a batch of the first bucket's."""
        pixels = math.prod(self.buckets[0].size)
        count = min(self.batch, self.batch * pixels // math.prod(bucket.size))
        return count // 8 * 8 or max(1, count)

    @property
    def phases(self) -> tuple[Budget, Budget]:
        stable, decay = Budget.parse(self.stable), Budget.parse(self.decay)
        if stable.unit != decay.unit:
            raise ConfigError("transformer: stable and decay must be in the same unit, seconds or steps")
        return stable, decay


@dataclass
class Export:
    size: list[int] = field(default_factory=lambda: [256, 256])  # width, height
    steps: int = 20  # of the goldens
    captions: int = 200_000  # that the list of known words is made from


@dataclass
class Judge:
    given: str = ""
    budget: str = "600 s"
    batch: int = 192
    learning_rate: float = 2e-3
    warmup: int = 200
    size: int = 160  # pixels it looks at
    channels: list[int] = field(default_factory=lambda: [48, 96, 192, 320, 448])  # each at half the size before


@dataclass
class Distil:
    """An adapter with which a model draws in few steps, each of one branch; batches are the transformer's."""

    model: str = ""  # the folder that it is for; "": the one that `export` made
    rank: int = 8
    layers: list[str] = field(
        default_factory=lambda: [
            *("attn.qkv", "attn.proj", "cross.q", "cross.kv", "cross.proj"),
            *("mlp.fc1", "mlp.fc2", "adaLN_modulation.1", "linear_final"),
        ]
    )
    rate: float = 1e-3
    warmup: int = 20
    average: float = 0.99  # of the adapter, per step
    guidance: float = 4.0  # what the one branch says
    guidance_budget: str = "600 s"
    steps: int = 4
    substeps: int = 4  # of the teacher, for each of them
    own: float = 0.5  # share of the batches that start where the adapter's own steps have led
    steps_budget: str = "900 s"


@dataclass
class Draw:
    size: list[int] = field(default_factory=lambda: [256, 256])
    steps: int = 25
    guidance: float = 5.0


@dataclass
class Config:
    name: str
    prompts: str  # a file, one prompt a line: what is drawn to look at
    seed: int = 0
    device: str = "cpu"
    precision: str = "bf16"  # of the training steps: bf16 (where the device computes in it) or f32
    compile: bool = True
    workers: int = 0  # processes that draw scenes; 0: the training process itself
    threads: int = 0  # of PyTorch; 0: its own choice
    save_every: float = 240.0  # seconds between checkpoints
    until: float = 0.0  # Unix time at which training has to end: cuts budgets of seconds; 0: they are kept
    data: Data = field(default_factory=Data)
    painter: Painter = field(default_factory=Painter)
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    autoencoder: Autoencoder = field(default_factory=Autoencoder)
    text: Text = field(default_factory=Text)
    transformer: Transformer = field(default_factory=Transformer)
    export: Export = field(default_factory=Export)
    judge: Judge = field(default_factory=Judge)
    distil: Distil = field(default_factory=Distil)
    draw: Draw = field(default_factory=Draw)


PATHS = {"sprites", "sources", "given", "corpus", "wordnet", "teacher", "start", "model", "prompts"}


def load(path: Path, overrides: list[str] | None = None) -> Config:
    """Reads a file; `overrides` are "table.key=value" in TOML's syntax, or a bare word.

    Paths in the file are relative to it, those in overrides to where one stands; $VARIABLES are expanded.
    """
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    _resolve_paths(table, path.resolve().parent)
    for override in overrides or []:
        name, separator, text = override.partition("=")
        if not separator:
            raise ConfigError(f"--set {override}: expected table.key=value")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        *parents, key = name.strip().split(".")
        target = table
        for parent in parents:
            target = target.setdefault(parent, {})
        target[key] = _resolve(value, Path.cwd()) if key in PATHS else value
    return _build(Config, table, str(path))


def _resolve(value: str, base: Path) -> str:
    return str((base / os.path.expandvars(value)).resolve()) if value else ""


def _resolve_paths(table: dict[str, Any], base: Path) -> None:
    for key, value in table.items():
        if isinstance(value, dict):
            _resolve_paths(value, base)
        elif key in PATHS and isinstance(value, str):
            table[key] = _resolve(value, base)


def _build(cls: type, table: dict[str, Any], where: str) -> Any:
    hints, known = get_type_hints(cls), {f.name for f in fields(cls)}
    for key in table:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}; known are {', '.join(sorted(known))}")
    values = {}
    for key, value in table.items():
        kind = hints[key]
        if is_dataclass(kind):
            values[key] = _build(kind, value, f"{where}, [{key}]")
        elif kind == list[Bucket]:
            values[key] = [_build(Bucket, item, f"{where}, {key}") for item in value]
        else:
            expected = getattr(kind, "__origin__", kind)
            if expected is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if not isinstance(value, expected):
                raise ConfigError(f"{where}: {key} must be {expected.__name__}, not {value!r}")
            values[key] = value
    try:
        return cls(**values)
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from error
