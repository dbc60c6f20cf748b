"""Stage `autoencoder`: pictures to latents an eighth their size and back, learnt on freshly painted scenes."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import pictures
from ..budget import Budget, Clock
from ..config import Config
from ..feed import Painting, Shape, source_of
from ..models import TinyDecoder, TinyEncoder
from ..start import read_autoencoder
from ..tokens import MAX_TOKENS
from ..training import Average, Trainer, compiled, precision, set_rate, train
from ..workspace import Workspace, load, save, single

LATENT_NOISE = 0.04
STATISTICS_BATCHES = 8


def run(config: Config, workspace: Workspace, **hooks) -> None:
    result = workspace.result("autoencoder")
    if config.autoencoder.given and not result.exists():
        given = Path(config.autoencoder.given)
        if given.is_dir():
            save(read_autoencoder(given), result)
        else:
            shutil.copy(given, result)
    if workspace.has("autoencoder"):
        return
    train(AutoencoderTrainer(config, workspace), Budget.parse(config.autoencoder.budget), config, workspace, **hooks)


class Latents:
    """A trained autoencoder, frozen: pictures to normalised latents and back. Weights in `dtype`."""

    def __init__(self, workspace: Workspace, device: str, dtype: torch.dtype = torch.float32) -> None:
        state = load(workspace.need(workspace.result("autoencoder"), "autoencoder"), device)
        self.dtype = dtype
        self.encoder, self.decoder = TinyEncoder(), TinyDecoder()
        self.encoder.load_state_dict(single(state["enc"]))
        self.decoder.load_state_dict(single(state["dec"]))
        for network in (self.encoder, self.decoder):
            network.to(device, dtype, memory_format=torch.channels_last).eval().requires_grad_(False)
        self.mean, self.std = (state[k].float().to(device).view(1, -1, 1, 1) for k in ("mean", "std"))

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        images = images.to(self.dtype).contiguous(memory_format=torch.channels_last)
        return (self.encoder(images).float() - self.mean) / self.std

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder((latents * self.std + self.mean).to(self.dtype)).float()


def slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def reconstruction_loss(a: Tensor, b: Tensor) -> Tensor:
    """Absolute and squared error and error of the slopes, at full, half and quarter size."""
    loss = torch.zeros((), device=a.device)
    for factor, weight in ((1, 1.0), (2, 0.5), (4, 0.25)):
        p, q = (a, b) if factor == 1 else (F.avg_pool2d(a, factor), F.avg_pool2d(b, factor))
        edges = sum(F.l1_loss(u, v) for u, v in zip(slopes(p), slopes(q)))
        loss = loss + weight * (F.l1_loss(p, q) + edges + F.mse_loss(p, q))
    return loss


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Per picture, in decibels."""
    return -10 * torch.log10(F.mse_loss(a, b, reduction="none").mean((1, 2, 3)))


class AutoencoderTrainer(Trainer):
    """Latents are held near mean 0, variance 1 and within ±3, and every fourth batch must decode at half size, too."""

    name = "autoencoder"

    def __init__(self, config: Config, workspace: Workspace) -> None:
        self.config, self.workspace, self.options = config, workspace, config.autoencoder
        torch.manual_seed(config.seed)
        side = self.options.size
        self.source = source_of(config, workspace, [Shape(side, side)], self.options.batch, MAX_TOKENS, offset=11)
        self.encoder = TinyEncoder().to(config.device, memory_format=torch.channels_last)
        self.decoder = TinyDecoder().to(config.device, memory_format=torch.channels_last)
        self.networks = nn.ModuleDict(dict(enc=self.encoder, dec=self.decoder))
        self.parameters = list(self.networks.parameters())
        rate = self.options.learning_rate
        self.optimizer = torch.optim.AdamW(self.parameters, lr=rate, betas=(0.9, 0.99), weight_decay=1e-4)
        self.average = Average(self.parameters, ramp=20)
        self.drawn = 0
        self._painting: Painting | None = None
        compiled(self.encoder, config)
        compiled(self.decoder, config)

    @property
    def painting(self) -> Painting:
        if self._painting is None:  # not before a checkpoint has said where to go on
            self._painting = Painting(self.config, self.source, first=self.drawn)
        return self._painting

    def pictures(self) -> Tensor:
        _, images = self.painting.next()
        self.drawn += 1
        return images.contiguous(memory_format=torch.channels_last)

    def step(self, clock: Clock) -> dict[str, Tensor]:
        warm = min(1.0, (clock.steps + 1) / self.options.warmup)
        set_rate([self.optimizer], warm * (1 - clock.progress) ** 0.8)
        x = self.pictures()
        with precision(self.config):
            z = self.encoder(x).float()
            half = clock.steps % 4 == 3
            latents, target = (F.avg_pool2d(z, 2), F.avg_pool2d(x, 2)) if half else (z, x)
            y = self.decoder(latents + LATENT_NOISE * torch.randn_like(latents)).float()
        mean, variance = z.mean((0, 2, 3)), z.var((0, 2, 3))
        spread = (mean**2 + (variance - 1) ** 2).mean()
        loss = reconstruction_loss(y, target) + 0.02 * spread + 1e-3 * (z.abs() - 3).clamp(min=0).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.average.update(clock.steps + 1, 0.999)
        return dict(loss=loss.detach(), psnr=psnr(y.detach(), target).mean())

    def state(self) -> dict:
        return dict(
            networks=self.networks.state_dict(),
            optimizer=self.optimizer.state_dict(),
            average=self.average.values,
            drawn=self.drawn,
        )

    def load_state(self, state: dict) -> None:
        self.networks.load_state_dict(state["networks"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load(state["average"])
        self.drawn = state["drawn"]

    @torch.no_grad()
    def finish(self) -> None:
        """The averaged weights, with the latents' mean and deviation on fresh scenes."""
        for parameter, value in zip(self.parameters, self.average.values):
            parameter.copy_(value)
        latents, quality = [], []
        for _ in range(STATISTICS_BATCHES):
            x = self.pictures()
            z = self.encoder(x)
            latents.append(z)
            quality.append(psnr(self.decoder(z).clamp(0, 1), x))
        z = torch.cat(latents)
        state = {k: network.state_dict() for k, network in self.networks.items()}
        statistics = dict(mean=z.mean((0, 2, 3)).cpu(), std=z.std((0, 2, 3)).cpu())
        shown = x[:8]
        rebuilt = self.decoder(self.encoder(shown)).clamp(0, 1)
        pictures.sheet(torch.cat([shown, rebuilt]), self.workspace.picture("autoencoder-sheet"), columns=len(shown))
        print(f"autoencoder: {torch.cat(quality).mean().item():.2f} dB on fresh scenes")
        save(state | statistics, self.workspace.result("autoencoder"))

    def close(self) -> None:
        if self._painting:
            self._painting.close()
