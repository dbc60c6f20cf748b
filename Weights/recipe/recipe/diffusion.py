"""DiT's Gaussian diffusion: a thousand linear betas, noise prediction, learned variance; loss and sampler."""

from __future__ import annotations

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
    """The tables that the loss needs, on a device."""

    def __init__(self, device: torch.device | str) -> None:
        def table(values: np.ndarray) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        self.alpha_bar, self.log_beta = table(ALPHA_BAR), table(np.log(BETAS))
        self.log_posterior = table(np.log(np.append(_POSTERIOR[1], _POSTERIOR[1:])))
        self.mean_x0 = table(BETAS * np.sqrt(_PREVIOUS) / (1 - ALPHA_BAR))
        self.mean_xt = table((1 - _PREVIOUS) * np.sqrt(1 - BETAS) / (1 - ALPHA_BAR))


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

    signal, spread = at(schedule.alpha_bar).sqrt(), (1 - at(schedule.alpha_bar)).sqrt()
    xt = signal * x0 + spread * noise
    predicted, fraction = model(xt, t, *condition, **options).float().chunk(2, 1)
    error = ((predicted - noise) ** 2).mean((1, 2, 3))
    snr = schedule.alpha_bar[t] / (1 - schedule.alpha_bar[t])
    weight = (MIN_SNR / snr).clamp(max=1.0)

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
    return (weight * error).mean() + VARIANCE_WEIGHT * bits.clamp(max=10).mean(), error.detach()


@dataclass
class Trace:
    """Intermediate results of a run, for goldens: the first output, guided noise and state by step."""

    output0: Tensor | None = None
    noise: dict[int, Tensor] = field(default_factory=dict)
    state: dict[int, Tensor] = field(default_factory=dict)


def timesteps(steps: int) -> list[int]:
    return [int(t) for t in np.linspace(STEPS - 1, 0, steps + 1).round().astype(int)[:-1]]


@torch.no_grad()
def sample(
    model: Callable[..., Tensor],
    noise: Tensor,
    condition: Condition,
    null: Condition,
    guidance: float = 5.0,
    steps: int = 25,
    trace: Trace | None = None,
) -> Tensor:
    """DPM-Solver++ (2M) with guidance on all latent channels: noise [B,C,h,w] to latents, in the noise's precision."""
    x, (batch, channels) = noise, noise.shape[:2]
    times = timesteps(steps)
    both = tuple(torch.cat(pair) for pair in zip(condition, null))
    previous = None
    for i, t in enumerate(times):
        output = model(torch.cat([x, x]), torch.full((2 * batch,), t, device=x.device), *both).to(x.dtype)
        conditional, unconditional = output[:, :channels].chunk(2)
        guided = unconditional + guidance * (conditional - unconditional)
        x0 = (x - NOISE[t] * guided) / SIGNAL[t]
        if i + 1 < steps:
            s = times[i + 1]
            h, step = LOG_SNR[s] - LOG_SNR[t], x0
            if previous is not None:
                r = (LOG_SNR[t] - LOG_SNR[times[i - 1]]) / h
                step = (1 + 1 / (2 * r)) * x0 - 1 / (2 * r) * previous
            x = NOISE[s] / NOISE[t] * x - SIGNAL[s] * (math.exp(-h) - 1) * step
            previous = x0
        else:
            x = x0
        if trace:
            trace.output0 = output if trace.output0 is None else trace.output0
            trace.noise[i], trace.state[i + 1] = guided, x
    return x
