"""Stage `distil-guidance`: an adapter whose one branch says what guidance makes of two.

Meng et al. 2022, arXiv 2210.03142, at one scale: half of a drawing's evaluations are saved, with any sampler.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..budget import Budget
from ..config import Config
from ..diffusion import STEPS, VARIANCE_WEIGHT, Condition, guided
from ..distilling import Distiller
from ..drawing import null_condition
from ..training import train
from ..workspace import Workspace

SHEET_STEPS = 16


def run(config: Config, workspace: Workspace, **hooks) -> None:
    if workspace.has(GuidanceDistiller.name):
        return
    budget = Budget.parse(config.distil.guidance_budget)
    train(GuidanceDistiller(config, workspace), budget, config, workspace, **hooks)


class GuidanceDistiller(Distiller):
    """Squared error to the guided noise, weighted by min-SNR, and to the variance of the branch with words."""

    name = "distil-guidance"

    def loss(self, latents: Tensor, condition: Condition) -> Tensor:
        t = torch.randint(0, STEPS, (len(latents),), device=latents.device)
        signal, spread = self.schedule.levels(t)
        x = signal * latents + spread * torch.randn_like(latents)
        with torch.no_grad():
            null = null_condition(self.encoder, condition, len(self.names))
            noise, both = guided(self.teacher, x, t, condition, null, self.options.guidance)
        said = self.dit(x, t, *condition).float()
        fraction = both[: len(x), x.shape[1] :]
        error = ((said[:, : x.shape[1]] - noise) ** 2).mean((1, 2, 3))
        variance = ((said[:, x.shape[1] :] - fraction) ** 2).mean()
        return (self.schedule.weight(t) * error).mean() + VARIANCE_WEIGHT * variance

    def finish(self) -> None:
        super().finish()
        self.sheet(SHEET_STEPS, order=2)
