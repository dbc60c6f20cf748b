"""Batches of scenes, drawn by worker processes. Batch number i is the same whoever draws it, and whenever."""

from __future__ import annotations

import itertools
import queue
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as mp
from torch import Tensor

from .config import Config, Painter
from .painter import Labels, Library, SceneRenderer
from .painter.selection import SelectedScenes
from .sprites.pack import Pack
from .tokens import Tokens
from .workspace import Workspace

QUEUE = 8  # batches that a worker draws ahead
SEEDS = 1_000_003  # batches before two seeds' streams meet


@dataclass
class Shape:
    """A size of picture in pixels, and how often a batch has it."""

    width: int
    height: int
    share: float = 1.0


@dataclass
class Batch:
    """Scenes of one shape: `backdrops` [B,P], `layers` [B,L,12], `ids` [B,context], `classes` [B] (-1: none)."""

    index: int
    shape: int
    backdrops: Tensor
    layers: Tensor
    ids: Tensor
    classes: Tensor
    captions: list[str]
    labels: list[Labels]


@dataclass
class Source:
    """All that a worker must know. It can be sent to another process."""

    data: Path
    tokenizer: Path
    painter: Painter
    shapes: list[Shape]
    size: int  # scenes in a batch
    context: int  # tokens in a row of ids; longer captions are drawn again
    seed: int

    def seed_of(self, index: int) -> int:
        return self.seed * SEEDS + index

    def shape_of(self, index: int) -> int:
        shares = [shape.share for shape in self.shapes]
        return random.Random(self.seed_of(index)).choices(range(len(shares)), shares)[0]

    def batches(self, indices: Iterable[int]) -> Iterator[Batch]:
        tokens = Tokens(self.tokenizer)
        library = Library.of(*Pack.records(self.data))
        scenes = SelectedScenes(library, self.painter, lambda caption: tokens.count(caption) <= self.context)
        for index in indices:
            shape = self.shape_of(index)
            aspect = self.shapes[shape].width / self.shapes[shape].height
            scenes.seed(self.seed_of(index))
            drawn = [scenes.sample(aspect) for _ in range(self.size)]
            captions = [scene.caption for scene in drawn]
            yield Batch(
                index,
                shape,
                torch.from_numpy(np.stack([scene.backdrop for scene in drawn])),
                torch.from_numpy(np.stack([scene.layers for scene in drawn])),
                tokens.batch(captions, self.context),
                torch.tensor([scene.class_index for scene in drawn]),
                captions,
                [scene.labels for scene in drawn],
            )


def _work(source: Source, start: int, step: int, indices: list[int], first: int, out: mp.Queue) -> None:
    torch.set_num_threads(1)
    try:
        for batch in source.batches(itertools.islice(_sequence(indices, first), start, None, step)):
            out.put({k: v.numpy() if isinstance(v, Tensor) else v for k, v in vars(batch).items()})
    except ValueError as error:  # a wrong configuration: for `next` to say
        out.put(error)


def _sequence(indices: list[int], first: int) -> Iterator[int]:
    return itertools.chain(indices, itertools.count(first))


class Feed:
    """Batches `indices`, then `first`, `first` + 1 and so on. Without workers they are drawn when asked for."""

    def __init__(self, source: Source, workers: int = 0, indices: Iterable[int] = (), first: int = 0) -> None:
        self.source, indices = source, list(indices)
        self._turn, self._processes, self._queues = 0, [], []
        if workers == 0:
            self._inline = source.batches(_sequence(indices, first))
            return
        context = mp.get_context("spawn")
        self._queues = [context.Queue(QUEUE) for _ in range(workers)]
        for i, out in enumerate(self._queues):
            arguments = (source, i, workers, indices, first, out)
            self._processes.append(context.Process(target=_work, args=arguments, daemon=True))
            self._processes[-1].start()

    def next(self) -> Batch:
        if not self._queues:
            return next(self._inline)
        turn = self._turn % len(self._queues)
        self._turn += 1
        while True:
            try:
                values = self._queues[turn].get(timeout=10)
            except queue.Empty:
                if not self._processes[turn].is_alive():
                    raise RuntimeError("a process that draws scenes has ended; its message is above") from None
                continue
            if isinstance(values, ValueError):
                raise values
            return Batch(**{k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in values.items()})

    def close(self) -> None:
        for process in self._processes:
            process.terminate()


class Painting:
    """A feed and the renderer for it: pictures on the device, with what belongs to them."""

    def __init__(self, config: Config, source: Source, indices: Iterable[int] = (), first: int = 0) -> None:
        self.source, self.device = source, config.device
        pack = Pack.open(source.data)
        self.renderer = SceneRenderer(torch.from_numpy(pack.pixels), torch.from_numpy(pack.hues), config.device)
        self.feed = Feed(source, config.workers, indices, first)

    def next(self) -> tuple[Batch, Tensor]:
        batch = self.feed.next()
        return batch, self.paint(batch)

    def paint(self, batch: Batch) -> Tensor:
        """[B,3,H,W] in 0…1; the grain, too, depends on the batch's number alone."""
        shape = self.source.shapes[batch.shape]
        generator = torch.Generator(self.device).manual_seed(self.source.seed_of(batch.index))
        return self.renderer.render(batch.backdrops, batch.layers, shape.height, shape.width, generator)

    def close(self) -> None:
        self.feed.close()


def source_of(
    config: Config, workspace: Workspace, shapes: list[Shape], size: int, context: int, offset: int = 0
) -> Source:
    """`offset` keeps the streams of the stages apart."""
    data = workspace.need(workspace.data, "data")
    tokenizer = workspace.need(workspace.tokenizer, "tokenizer")
    return Source(data, tokenizer, config.painter, shapes, size, context, config.seed * 100 + offset)
