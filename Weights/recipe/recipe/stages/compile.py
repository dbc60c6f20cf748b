"""Stage `compile`: the transformer's kernels for every picture size, made while other stages run.

They go into the compiler's cache on disk, where the stage `transformer` finds them: a lent machine's time is for
training.
"""

from __future__ import annotations

import math
import multiprocessing
import time

import torch

from ..cache import FACTOR
from ..config import Bucket, Config
from ..diffusion import Schedule, training_loss
from ..models import LATENT_CHANNELS, T5Encoder
from ..training import allow_tf32, compiled, precision
from ..workspace import Workspace
from .transformer import KEPT, Route, new_transformer, reminder_count

DEPTH = 3  # blocks are alike: the middle one is routed past


def run(config: Config, workspace: Workspace) -> None:
    """A process for each size; an upright picture's kernels are those of the one that lies."""
    if not config.compile:
        print("compile: the configuration says not to")
        return
    sizes = {math.prod(bucket.size): bucket for bucket in config.transformer.buckets}
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_compile, args=(config, bucket)) for bucket in sizes.values()]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print("compile done")


def _compile(config: Config, bucket: Bucket) -> None:
    """Steps on noise, as `TransformerTrainer` takes them."""
    options, device, started = config.transformer, config.device, time.monotonic()
    allow_tf32(config)  # or the cache would not match
    trains_text = options.text_rate > 0
    encoder = T5Encoder().to(device).requires_grad_(trains_text)
    dit = new_transformer(config, classes=1, d_text=encoder.cfg["d_model"], depth=DEPTH)
    for block in dit.blocks:
        compiled(block, config)
    if trains_text:
        compiled(encoder, config)
    width, height = bucket.size
    count = options.batch_of(bucket)
    latents = torch.randn(count, LATENT_CHANNELS, height // FACTOR, width // FACTOR, device=device)
    classes = torch.zeros(count, dtype=torch.int64, device=device)
    ids = torch.ones(count, options.context, dtype=torch.int64, device=device)
    reminders = torch.ones(reminder_count(options), options.context, dtype=torch.int64, device=device)
    for route in [None, Route(KEPT, 1, 2)] if options.routed and bucket.stable else [None]:
        with precision(config):
            with torch.set_grad_enabled(trains_text):
                text = encoder(ids, ids > 0)
            loss, _ = training_loss(dit, Schedule(device), latents, (classes, text, ids > 0), route=route)
            if trains_text:
                loss = loss + encoder(reminders, reminders > 0).mean()
        loss.backward()
    print(f"compile: {width}x{height} in {time.monotonic() - started:.0f} s", flush=True)
