"""Stage `distil-steps`: an adapter that draws in few steps, each of one evaluation.

It begins as that of `distil-guidance`. Each of its steps learns to lead where several of the teacher's do: progressive
distillation (Salimans & Ho 2022, arXiv 2202.00512) in one go.
"""

from __future__ import annotations

import copy
import itertools

import torch
from torch import Tensor

from .. import lora
from ..budget import Budget
from ..config import Config
from ..diffusion import NOISE, SIGNAL, Condition, advance, timesteps, walk
from ..distilling import Distiller
from ..training import compiled, train
from ..workspace import Workspace, load
from .distil_guidance import GuidanceDistiller

ADAPTER = "fast.safetensors"  # as dit-t2i looks for it in a model's folder


def run(config: Config, workspace: Workspace, **hooks) -> None:
    if workspace.has(StepDistiller.name):
        return
    train(StepDistiller(config, workspace), Budget.parse(config.distil.steps_budget), config, workspace, **hooks)


def segments(steps: int, substeps: int) -> list[list[int | None]]:
    """The timesteps that the teacher goes along for each step, from its start to where it ends; None: no noise."""
    ends: list[int | None] = [*timesteps(steps), None]
    return [
        [start, *(round(start + ((end or 0) - start) * k / substeps) for k in range(1, substeps)), end]
        for start, end in itertools.pairwise(ends)
    ]


class StepDistiller(Distiller):
    """Squared error of where a step leads, from noised scenes and from where the adapter's own steps have led."""

    name = "distil-steps"

    def __init__(self, config: Config, workspace: Workspace) -> None:
        super().__init__(config, workspace)
        guidance = load(workspace.need(workspace.result(GuidanceDistiller.name), GuidanceDistiller.name), config.device)
        self.give(guidance)
        self.guided = copy.deepcopy(self.teacher)
        lora.merge(self.guided, guidance)
        for block in self.guided.blocks:
            compiled(block, config)
        self.segments = segments(self.options.steps, self.options.substeps)

    def _noise(self, network: torch.nn.Module, x: Tensor, t: int, condition: Condition) -> Tensor:
        return network(x, torch.full((len(x),), t, device=x.device), *condition).float()[:, : x.shape[1]]

    def _step(self, x: Tensor, number: int, condition: Condition) -> Tensor:
        """A step of the adapter's."""
        t, s = self.segments[number][0], self.segments[number][-1]
        return advance(x, (x - NOISE[t] * self._noise(self.dit, x, t, condition)) / SIGNAL[t], t, s)

    def loss(self, latents: Tensor, condition: Condition) -> Tensor:
        number = int(torch.randint(0, len(self.segments), ()))
        times, noise = self.segments[number], torch.randn_like(latents)
        with torch.no_grad():
            if float(torch.rand(())) < self.options.own:
                x = noise
                for before in range(number):
                    x = self._step(x, before, condition)
            else:
                x = SIGNAL[times[0]] * latents + NOISE[times[0]] * noise
            wanted = walk(lambda x, t: self._noise(self.guided, x, t, condition), x, times)
        return ((self._step(x, number, condition) - wanted) ** 2).mean()

    def finish(self) -> None:
        super().finish()
        lora.write(self.workspace.root / ADAPTER, self.result(), {"dit_t2i.steps": str(self.options.steps)})
        self.sheet(self.options.steps, order=1)
        print(f"{self.name}: {self.workspace.root / ADAPTER}, to be put into the model's folder")
