"""Rings of encoded scenes, one per picture size, refilled while the transformer trains."""

from __future__ import annotations

import itertools
import math
import time
from collections import defaultdict

import torch
from torch import Tensor

from .budget import Clock
from .config import Config
from .feed import Batch, Painting, Shape, source_of
from .models import LATENT_CHANNELS
from .stages.autoencoder import Latents
from .training import working_type
from .workspace import Workspace

FACTOR = 8  # pixels of a latent's side
RENDER_BATCH = 256  # scenes painted at once
RENDER_BATCH_CPU = 32  # of 256 at once each took four times as long to paint
STOP_REFILLING = 0.95  # of a training: what is painted later would hardly be seen


class Ring:
    """The last `capacity` batches of one size."""

    def __init__(self, shape: Shape, batch: int, capacity: int, context: int, device: str) -> None:
        self.batch, self.capacity, count = batch, capacity, batch * capacity
        side = (LATENT_CHANNELS, shape.height // FACTOR, shape.width // FACTOR)
        self.latents = torch.zeros(count, *side, dtype=torch.bfloat16, device=device)
        self.ids = torch.zeros(count, context, dtype=torch.int16, device=device)
        self.classes = torch.zeros(count, dtype=torch.int64, device=device)
        self.made = 0  # batches, those overwritten since included

    def __len__(self) -> int:
        return min(self.made, self.capacity) * self.batch

    def put(self, latents: Tensor, batch: Batch) -> None:
        start = self.made % self.capacity * self.batch
        rows = slice(start, start + self.batch)
        self.latents[rows], self.ids[rows], self.classes[rows] = latents, batch.ids, batch.classes
        self.made += 1


class Cache:
    """`add` paints and encodes one batch; `batch` draws from what is there.

    Its contents follow from the number of batches made: that number is its whole state.
    """

    def __init__(self, config: Config, workspace: Workspace, batch: int, made: int = 0) -> None:
        options, self.device = config.transformer, config.device
        self.options, self.buckets = options, options.buckets
        shares = [max(b.stable, b.decay) for b in self.buckets]
        shapes = [Shape(*b.size, share) for b, share in zip(self.buckets, shares)]
        self.source = source_of(config, workspace, shapes, batch, options.context, offset=23)
        self.latents = Latents(workspace, config.device, working_type(config.device))
        self.rings = [
            Ring(shape, batch, max(1, round(options.cache * share / sum(shares) / batch)), options.context, self.device)
            for shape, share in zip(shapes, shares)
        ]
        kept = self._kept(made)
        self.painting = Painting(config, self.source, kept, made)
        for _ in kept:
            self._fill()
        self.made = made

    def _kept(self, made: int) -> list[int]:
        """The numbers of the batches that `made` batches leave in the rings; the others are only counted."""
        by_shape: dict[int, list[int]] = defaultdict(list)
        for index in range(made):
            by_shape[self.source.shape_of(index)].append(index)
        for shape, indices in by_shape.items():
            self.rings[shape].made = max(0, len(indices) - self.rings[shape].capacity)
        return sorted(itertools.chain(*(v[-self.rings[k].capacity :] for k, v in by_shape.items())))

    def _fill(self) -> Batch:
        batch, images = self.painting.next()
        pieces = images.split(128)  # bounds the encoder's memory
        self.rings[batch.shape].put(torch.cat([self.latents.encode(piece) for piece in pieces]), batch)
        return batch

    def add(self) -> None:
        self._fill()
        self.made += 1

    def fill(self, scenes: int) -> None:
        """Until at least so many scenes were made."""
        while self.made < math.ceil(scenes / self.source.size):
            self.add()

    def batch(self, decay: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Latents [B,8,h,w], ids [B,context] and classes [B] of one size, drawn by the phase's shares."""
        shares = [b.decay if decay else b.stable for b in self.buckets]
        shares = torch.tensor([share if len(ring) else 0.0 for share, ring in zip(shares, self.rings)])
        if not bool((shares > 0).any()):  # none of this phase's sizes has come up yet
            shares = torch.tensor([float(len(ring)) for ring in self.rings])
        chosen = int(torch.multinomial(shares, 1))
        ring, count = self.rings[chosen], self.options.batch_of(self.buckets[chosen])
        rows = torch.randint(0, len(ring), (count,), device=self.device)
        return ring.latents[rows].float(), ring.ids[rows].long(), ring.classes[rows]

    def close(self) -> None:
        self.painting.close()


class Scenes:
    """What a stage learns from: a cache, filled when it is first asked for, and refilled for a share of the budget.

    `spent` and `made` are its whole state.
    """

    def __init__(self, config: Config, workspace: Workspace, stage: str) -> None:
        self.config, self.workspace, self.stage = config, workspace, stage
        self.spent, self.made = 0.0, 0
        self._cache: Cache | None = None

    @property
    def cache(self) -> Cache:
        if self._cache is None:  # not before a checkpoint has said how much was made
            options = self.config.transformer
            largest = RENDER_BATCH_CPU if self.config.device == "cpu" else RENDER_BATCH
            size = min(largest, max(1, options.first // len(options.buckets)))
            started = time.monotonic()
            with torch.random.fork_rng():  # making it must not change what comes after
                self._cache = Cache(self.config, self.workspace, size, self.made)
                self._cache.fill(options.first)
            scenes, seconds = self._cache.made * size, time.monotonic() - started
            print(f"{self.stage}: {scenes} scenes in {seconds:.0f} s", flush=True)
        return self._cache

    def batch(self, decay: bool) -> tuple[Tensor, Tensor, Tensor]:
        return self.cache.batch(decay)

    def refill(self, clock: Clock) -> None:
        """New scenes for a share of the budget; one batch counts as a step where steps are counted."""
        cache = self.cache
        if self.spent >= self.config.transformer.refill * clock.passed or clock.progress > STOP_REFILLING:
            return
        started = self._now()
        cache.add()
        self.spent += 1.0 if clock.budget.unit == "steps" else self._now() - started

    def _now(self) -> float:
        if self.config.device == "cuda":
            torch.cuda.synchronize()
        return time.monotonic()

    def state(self) -> dict:
        return dict(spent=self.spent, made=self.cache.made)

    def load_state(self, state: dict) -> None:
        self.spent, self.made = state["spent"], state["made"]

    def close(self) -> None:
        if self._cache:
            self._cache.close()
