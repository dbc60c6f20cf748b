"""Draws with trained weights, in PyTorch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from .cache import FACTOR
from .config import Config, ConfigError
from .diffusion import Condition, sample
from .models import LATENT_CHANNELS, DiT, T5Encoder
from .stages.autoencoder import Latents
from .tokens import Tokens
from .workspace import Workspace, single


def read_prompts(config: Config) -> list[str]:
    try:
        lines = Path(config.prompts).read_text().splitlines()
    except OSError as error:
        raise ConfigError(f"prompts: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def null_condition(encoder: T5Encoder, like: Condition, null: int) -> Condition:
    """No class and the empty prompt, which is eos alone, padded to the shape of the other condition."""
    classes, text, mask = like
    eos = torch.ones(1, 1, dtype=torch.long, device=text.device)
    empty, only_first = torch.zeros_like(text), torch.zeros_like(mask)
    empty[:, :1] = encoder(eos, eos > 0).to(text.dtype)
    only_first[:, 0] = True
    return torch.full_like(classes, null), empty, only_first


class Artist:
    """The three networks with weights as the stage `transformer` writes them."""

    def __init__(self, config: Config, workspace: Workspace, weights: dict) -> None:
        self.config, self.device = config, config.device
        self.tokens = Tokens(workspace.tokenizer)
        self.latents = Latents(workspace, config.device)
        self.dit = DiT.of(weights["cfg"]).to(config.device).eval()
        self.dit.load_state_dict(single(weights["ema"]["dit"]))
        self.encoder = T5Encoder().to(config.device).eval()
        self.encoder.load_state_dict(single(weights["ema"]["enc"]))
        self.names: list[str] = weights["names"]

    @torch.no_grad()
    def draw(
        self, prompts: list[str], classes: list[str | None] | None = None, seed: int = 0, order: int = 2
    ) -> Tensor:
        """A picture [N,3,H,W] in 0…1 for each prompt; `classes` names a class for each, or None."""
        options, null = self.config.draw, len(self.names)
        indices = [null if name is None else self.names.index(name) for name in classes or [None] * len(prompts)]
        ids = self.tokens.batch(prompts).to(self.device)
        condition = (torch.tensor(indices, device=self.device), self.encoder(ids, ids > 0), ids > 0)
        nothing = null_condition(self.encoder, condition, null)
        width, height = options.size
        generator = torch.Generator(self.device).manual_seed(seed)
        shape = (len(prompts), LATENT_CHANNELS, height // FACTOR, width // FACTOR)
        noise = torch.randn(shape, generator=generator, device=self.device)
        latents = sample(self.dit, noise, condition, nothing, options.guidance, options.steps, order=order)
        return self.latents.decode(latents).clamp(0, 1)
