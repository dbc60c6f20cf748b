"""DiT's Gaussian diffusion: a thousand linear betas, noise prediction, learned variance; loss and sampler."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

STEPS = 1000
BETAS = np.linspace(1e-4, 2e-2, STEPS, dtype=np.float64)
ALPHA_BAR = np.cumprod(1 - BETAS)
SIGNAL, NOISE = np.sqrt(ALPHA_BAR).tolist(), np.sqrt(1 - ALPHA_BAR).tolist()
LOG_SNR = np.log(np.sqrt(ALPHA_BAR) / np.sqrt(1 - ALPHA_BAR)).tolist()  # half of it, as in DPM-Solver
_PREVIOUS = np.append(1.0, ALPHA_BAR[:-1])
_POSTERIOR = BETAS * (1 - _PREVIOUS) / (1 - ALPHA_BAR)

MIN_SNR = 5.0  # Hang et al. 2023, arXiv 2303.09556
VARIANCE_WEIGHT = 0.05
Condition = tuple[Tensor, Tensor, Tensor]  # classes [B], text [B,L,d], mask [B,L]


class Schedule:
    """The tables that losses need, on a device; timesteps are [B]."""

    def __init__(self, device: torch.device | str) -> None:
        def table(values: np.ndarray) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        self.alpha_bar, self.log_beta = table(ALPHA_BAR), table(np.log(BETAS))
        self.log_posterior = table(np.log(np.append(_POSTERIOR[1], _POSTERIOR[1:])))
        self.mean_x0 = table(BETAS * np.sqrt(_PREVIOUS) / (1 - ALPHA_BAR))
        self.mean_xt = table((1 - _PREVIOUS) * np.sqrt(1 - BETAS) / (1 - ALPHA_BAR))

    def levels(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """What of latents and of noise there is at a timestep [B,1,1,1]."""
        alpha_bar = self.alpha_bar[t].view(-1, 1, 1, 1)
        return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()

    def weight(self, t: Tensor) -> Tensor:
        """Of an error of the noise, by min-SNR [B]."""
        return (MIN_SNR * (1 - self.alpha_bar[t]) / self.alpha_bar[t]).clamp(max=1.0)


def training_loss(
    model: Callable[..., Tensor], schedule: Schedule, x0: Tensor, condition: Condition, **options
) -> tuple[Tensor, Tensor]:
    """The loss, and the squared error of the noise per sample [B], unweighted.

    Squared error, weighted by min-SNR, plus the variational term for the variance with the mean held fixed.
    """
    t = torch.randint(0, STEPS, (len(x0),), device=x0.device)
    noise = torch.randn_like(x0)

    def at(table: Tensor) -> Tensor:
        return table[t].view(-1, 1, 1, 1)

    signal, spread = schedule.levels(t)
    xt = signal * x0 + spread * noise
    predicted, fraction = model(xt, t, *condition, **options).float().chunk(2, 1)
    error = ((predicted - noise) ** 2).mean((1, 2, 3))

    frozen = predicted.detach()
    predicted_x0 = (xt - spread * frozen) / signal
    share = (fraction + 1) / 2
    log_variance = share * at(schedule.log_beta) + (1 - share) * at(schedule.log_posterior)
    true_mean = at(schedule.mean_x0) * x0 + at(schedule.mean_xt) * xt
    mean = at(schedule.mean_x0) * predicted_x0 + at(schedule.mean_xt) * xt
    ratio = torch.exp(at(schedule.log_posterior) - log_variance)
    distance = (true_mean - mean) ** 2 * torch.exp(-log_variance)
    divergence = 0.5 * (-1 + log_variance - at(schedule.log_posterior) + ratio + distance)
    bits = divergence.mean((1, 2, 3)) / math.log(2)
    return (schedule.weight(t) * error).mean() + VARIANCE_WEIGHT * bits.clamp(max=10).mean(), error.detach()


@dataclass
class Trace:
    """Intermediate results of a run, for goldens: the first output, guided noise and state by step."""

    output0: Tensor | None = None
    noise: dict[int, Tensor] = field(default_factory=dict)
    state: dict[int, Tensor] = field(default_factory=dict)


def timesteps(steps: int) -> list[int]:
    return [int(t) for t in np.linspace(STEPS - 1, 0, steps + 1).round().astype(int)[:-1]]


def advance(x: Tensor, x0: Tensor, t: int, s: int | None) -> Tensor:
    """From timestep t to an earlier one, towards what is predicted to lie behind the noise: DDIM's step, and that of
    DPM-Solver++ of first order. None stands for no noise at all."""
    if s is None:
        return x0
    return NOISE[s] / NOISE[t] * x - SIGNAL[s] * (math.exp(LOG_SNR[t] - LOG_SNR[s]) - 1) * x0


def walk(
    noise_of: Callable[[Tensor, int], Tensor],
    x: Tensor,
    times: list[int | None],
    order: int = 2,
    trace: Trace | None = None,
) -> Tensor:
    """DPM-Solver++ along timesteps, at the last of which it ends; of second order (2M) from the second step on."""
    previous = None
    for i, (t, s) in enumerate(itertools.pairwise(times)):
        noise = noise_of(x, t)
        x0 = step = (x - NOISE[t] * noise) / SIGNAL[t]
        if previous is not None and s is not None and order > 1:
            r = (LOG_SNR[t] - LOG_SNR[times[i - 1]]) / (LOG_SNR[s] - LOG_SNR[t])
            step = (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * previous
        x, previous = advance(x, step, t, s), x0
        if trace:
            trace.noise[i], trace.state[i + 1] = noise, x
    return x


def guided(
    model: Callable[..., Tensor], x: Tensor, t: Tensor, condition: Condition, null: Condition, scale: float
) -> tuple[Tensor, Tensor]:
    """Noise [B,C,h,w] by classifier-free guidance, and the model's whole output for both branches [2B,2C,h,w]."""
    both = tuple(torch.cat(pair) for pair in zip(condition, null))
    output = model(torch.cat([x, x]), torch.cat([t, t]), *both).to(x.dtype)
    conditional, unconditional = output[:, : x.shape[1]].chunk(2)
    return unconditional + scale * (conditional - unconditional), output


@torch.no_grad()
def sample(
    model: Callable[..., Tensor],
    noise: Tensor,
    condition: Condition,
    null: Condition,
    guidance: float = 5.0,
    steps: int = 25,
    trace: Trace | None = None,
    order: int = 2,
) -> Tensor:
    """Guided on all latent channels: noise [B,C,h,w] to latents, in the noise's precision."""

    def noise_of(x: Tensor, t: int) -> Tensor:
        result, output = guided(model, x, torch.full((len(x),), t, device=x.device), condition, null, guidance)
        if trace and trace.output0 is None:
            trace.output0 = output
        return result

    return walk(noise_of, noise, [*timesteps(steps), None], order, trace)
