"""Stage `distil-guidance`: an adapter whose one branch says what guidance makes of two.

Meng et al. 2022, arXiv 2210.03142, at one scale: half of a drawing's evaluations are saved, with any sampler.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..budget import Budget
from ..config import Config
from ..diffusion import MIN_SNR, STEPS, Condition, guided
from ..distilling import Distiller
from ..training import train
from ..workspace import Workspace

VARIANCE_WEIGHT = 0.05
SHEET_STEPS = 16


def run(config: Config, workspace: Workspace, **hooks) -> None:
    if workspace.result(GuidanceDistiller.name).exists():
        print("distil-guidance: done already")
        return
    budget = Budget.parse(config.distil.guidance_budget)
    train(GuidanceDistiller(config, workspace), budget, config, workspace, **hooks)


class GuidanceDistiller(Distiller):
    """Squared error to the guided noise, weighted by min-SNR, and to the variance of the branch with words."""

    name = "distil-guidance"

    def loss(self, latents: Tensor, condition: Condition, null: Condition) -> Tensor:
        t = torch.randint(0, STEPS, (len(latents),), device=latents.device)
        alpha_bar = self.schedule.alpha_bar[t].view(-1, 1, 1, 1)
        x = alpha_bar.sqrt() * latents + (1 - alpha_bar).sqrt() * torch.randn_like(latents)
        with torch.no_grad():
            noise, both = guided(self.teacher, x, t, condition, null, self.options.guidance)
        said = self.dit(x, t, *condition).float()
        fraction = both[: len(x), x.shape[1] :]
        error = ((said[:, : x.shape[1]] - noise) ** 2).mean((1, 2, 3))
        weight = (MIN_SNR * (1 - alpha_bar) / alpha_bar).clamp(max=1.0).flatten()
        return (weight * error).mean() + VARIANCE_WEIGHT * ((said[:, x.shape[1] :] - fraction) ** 2).mean()

    def finish(self) -> None:
        super().finish()
        self.sheet(SHEET_STEPS, order=2)
