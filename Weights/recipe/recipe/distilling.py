"""What both distilling stages share: a model folder's networks, an adapter, and the scenes it learns from."""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from . import lora, pictures
from .budget import Clock
from .cache import Scenes
from .config import Config
from .diffusion import Condition, Schedule
from .drawing import Artist, read_prompts
from .stages import goldens
from .stages.transformer import drop_conditions
from .training import Average, Trainer, allow_tf32, compiled, precision, set_rate
from .workspace import Workspace, save

CLIP = 1.0  # of the gradient's norm


class Distiller(Trainer):
    """Teaches an adapter to say at once what the model says by more than one evaluation. AdamW, to a rate of zero.

    The transformer of `self.teacher` stays as it is; `self.dit` is the same with the adapter.
    """

    def __init__(self, config: Config, workspace: Workspace) -> None:
        self.config, self.workspace, self.options = config, workspace, config.distil
        torch.manual_seed(config.seed)
        allow_tf32(config)
        folder = Path(self.options.model) if self.options.model else workspace.need(workspace.model, "export")
        models, self.names = goldens.load(folder)
        self.encoder = models.text.to(config.device)
        self.teacher = models.dit.to(config.device)
        self.dit = copy.deepcopy(self.teacher)
        self.adapter = lora.parameters(lora.attach(self.dit, self.options.rank, self.options.layers))
        self.parameters = list(self.adapter.values())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=self.options.rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.average = Average(self.parameters, ramp=9)
        self.schedule = Schedule(config.device)
        self.scenes = Scenes(config, workspace, self.name)
        for block in [*self.dit.blocks, *self.teacher.blocks]:
            compiled(block, config)

    @abstractmethod
    def loss(self, latents: Tensor, condition: Condition) -> Tensor:
        """Of latents of scenes [B,C,h,w] and what is said of them."""

    def step(self, clock: Clock) -> dict[str, Tensor]:
        warm = min(1.0, (clock.steps + 1) / self.options.warmup)
        set_rate([self.optimizer], warm * max(0.0, 1 - clock.progress))
        self.scenes.refill(clock)
        latents, ids, classes = self.scenes.batch(decay=True)
        ids, classes = drop_conditions(ids, classes, len(self.names))
        with precision(self.config):
            with torch.no_grad():
                condition = classes, self.encoder(ids, ids > 0), ids > 0
            loss = self.loss(latents, condition)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update(clock.steps + 1, self.options.average)
        return dict(loss=loss.detach())

    def state(self) -> dict:
        return dict(
            parameters=[p.detach() for p in self.parameters],
            average=self.average.values,
            optimizer=self.optimizer.state_dict(),
            **self.scenes.state(),
        )

    def load_state(self, state: dict) -> None:
        self.give(dict(zip(self.adapter, state["parameters"], strict=True)))
        self.average.load(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scenes.load_state(state)

    @torch.no_grad()
    def give(self, tensors: dict[str, Tensor]) -> None:
        """Puts an adapter of the same layers and rank in the place of what was learnt."""
        for name, parameter in self.adapter.items():
            parameter.copy_(tensors[name])

    def result(self) -> dict[str, Tensor]:
        return dict(zip(self.adapter, self.average.values))

    def finish(self) -> None:
        save(self.result(), self.workspace.result(self.name))

    def sheet(self, steps: int, order: int) -> None:
        """The configuration's prompts, drawn with the adapter in one branch."""
        dit = copy.deepcopy(self.teacher)
        lora.merge(dit, self.result())
        weights = dict(ema=dict(dit=dit.state_dict(), enc=self.encoder.state_dict()), names=self.names, cfg=dit.cfg)
        config = replace(self.config, draw=replace(self.config.draw, steps=steps, guidance=1.0))
        prompts = read_prompts(config)
        drawn = Artist(config, self.workspace, weights).draw(prompts, order=order)
        pictures.sheet(drawn, self.workspace.picture(f"{self.name}-sheet"), captions=prompts)

    def close(self) -> None:
        self.scenes.close()
