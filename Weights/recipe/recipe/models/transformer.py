"""The diffusion transformer: DiT (Peebles & Xie 2023, arXiv 2212.09748) with cross-attention to text."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attend, masking_bias, score_dtype
from .autoencoder import LATENT_CHANNELS
from .text import RMSNorm

TIMESTEP_WIDTH = 256


class Route(NamedTuple):
    """TREAD (Krause et al. 2025, arXiv 2501.04765): only a share `keep` of the tokens, drawn anew for each sample,
    passes the blocks `first`…`last - 1`. Training alone, and faster by what the others skip."""

    keep: float
    first: int
    last: int


def timestep_embedding(t: Tensor, dtype: torch.dtype, max_period: int = 10000) -> Tensor:
    """[B] in 0…999 to [B,256], cosines first. The angles are float32 as in DiT's own code."""
    half = TIMESTEP_WIDTH // 2
    frequency = torch.exp(-math.log(max_period) * torch.arange(half, dtype=torch.float32, device=t.device) / half)
    angle = t[:, None].float() * frequency[None]
    return torch.cat([angle.cos(), angle.sin()], -1).to(dtype)


def positions(width: int, h: int, w: int, base: int, device: torch.device | None = None) -> Tensor:
    """Fixed sin-cos positions [h·w, width], float32: columns in the first half of the channels, rows in the second.

    Coordinates of any grid are scaled into the base grid: one scale for both axes, centred, so aspect is kept.
    """
    scale = base / math.sqrt(h * w)
    omega = 1.0 / 10000 ** (torch.arange(width // 4, dtype=torch.float64, device=device) / (width / 4.0))

    def encode(count: int) -> Tensor:
        at = torch.arange(count, dtype=torch.float64, device=device)
        at = (at - (count - 1) / 2) * scale + (base - 1) / 2
        return torch.cat([torch.sin(at[:, None] * omega), torch.cos(at[:, None] * omega)], -1)

    columns = encode(w)[None].expand(h, -1, -1)
    rows = encode(h)[:, None].expand(-1, w, -1)
    return torch.cat([columns, rows], -1).reshape(h * w, width).float()


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return x * (1 + scale.unsqueeze(1)) + shift.unsqueeze(1)


def layer_norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, elementwise_affine=False, eps=1e-6)


class SelfAttention(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(attend(q, k, v).transpose(1, 2).reshape(b, n, d))


class CrossAttention(nn.Module):
    def __init__(self, d: int, d_text: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.kv, self.proj = nn.Linear(d, d), nn.Linear(d_text, 2 * d), nn.Linear(d, d)

    def forward(self, x: Tensor, text: Tensor, bias: Tensor) -> Tensor:
        b, n, d = x.shape
        q = self.q(x).view(b, n, self.heads, -1).transpose(1, 2)
        k, v = self.kv(text).view(b, text.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(attend(q, k, v, bias).transpose(1, 2).reshape(b, n, d))


class Mlp(nn.Module):
    def __init__(self, d: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, hidden), nn.Linear(hidden, d)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class DiTBlock(nn.Module):
    """Self-attention and MLP by adaLN-Zero, cross-attention between them."""

    def __init__(self, d: int, heads: int, d_text: int, ratio: int = 4) -> None:
        super().__init__()
        self.norm1, self.attn = layer_norm(d), SelfAttention(d, heads)
        self.norm_cross, self.cross = layer_norm(d), CrossAttention(d, d_text, heads)
        self.norm2, self.mlp = layer_norm(d), Mlp(d, d * ratio)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(d, 6 * d))

    def forward(self, x: Tensor, c: Tensor, text: Tensor, bias: Tensor) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(c).chunk(6, 1)
        x = x + gate1.unsqueeze(1) * self.attn(modulate(self.norm1(x), shift1, scale1))
        x = x + self.cross(self.norm_cross(x), text, bias)
        return x + gate2.unsqueeze(1) * self.mlp(modulate(self.norm2(x), shift2, scale2))


class DiT(nn.Module):
    """Timestep and class by adaLN-Zero, text by cross-attention. Out come noise and variance channels."""

    def __init__(
        self,
        d: int = 384,
        depth: int = 12,
        heads: int = 6,
        patch: int = 2,
        channels: int = LATENT_CHANNELS,
        classes: int = 1000,
        d_text: int = 256,
        base: int = 16,
    ) -> None:
        super().__init__()
        self.d, self.patch, self.channels, self.base = d, patch, channels, base
        self.cfg = dict(
            hidden_size=d,
            depth=depth,
            num_heads=heads,
            patch_size=patch,
            in_channels=channels,
            num_classes=classes,
            text_dim=d_text,
            base_grid=base,
            mlp_ratio=4,
            learn_sigma=True,
        )
        self.x_embedder = nn.Conv2d(channels, d, patch, patch)
        self.t_mlp = nn.Sequential(nn.Linear(TIMESTEP_WIDTH, d), nn.SiLU(), nn.Linear(d, d))
        self.y_table = nn.Embedding(classes + 1, d)  # the last row: no class
        self.text_norm = RMSNorm(d_text)
        self.blocks = nn.ModuleList(DiTBlock(d, heads, d_text) for _ in range(depth))
        self.norm_final = layer_norm(d)
        self.linear_final = nn.Linear(d, patch * patch * channels * 2)
        self.ada_final = nn.Sequential(nn.SiLU(), nn.Linear(d, 2 * d))
        self._positions: dict[tuple[int, int], Tensor] = {}
        self._initialise()

    @classmethod
    def of(cls, cfg: dict) -> DiT:
        """From the configuration that an instance carries as `cfg`."""
        return cls(
            d=cfg["hidden_size"],
            depth=cfg["depth"],
            heads=cfg["num_heads"],
            patch=cfg["patch_size"],
            channels=cfg["in_channels"],
            classes=cfg["num_classes"],
            d_text=cfg["text_dim"],
            base=cfg["base_grid"],
        )

    def _initialise(self) -> None:
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.xavier_uniform_(m.weight)
                nn.init.zeros_(m.bias)
        kernel = self.x_embedder.weight
        nn.init.xavier_uniform_(kernel.view(kernel.shape[0], -1))
        nn.init.zeros_(self.x_embedder.bias)
        for weight in (self.y_table.weight, self.t_mlp[0].weight, self.t_mlp[2].weight):
            nn.init.normal_(weight, std=0.02)
        for b in self.blocks:  # every block starts as the identity
            nn.init.zeros_(b.adaLN_modulation[1].weight)
            nn.init.zeros_(b.cross.proj.weight)
        for linear in (self.ada_final[1], self.linear_final):
            nn.init.zeros_(linear.weight)

    def _grid(self, h: int, w: int, device: torch.device) -> Tensor:
        if (h, w) not in self._positions:
            self._positions[h, w] = positions(self.d, h, w, self.base, device)
        return self._positions[h, w]

    def forward(
        self, x: Tensor, t: Tensor, classes: Tensor, text: Tensor, mask: Tensor, route: Route | None = None
    ) -> Tensor:
        """x [B,C,H,W], t [B] in 0…999, classes [B], text [B,L,d_text], mask [B,L] (true: a token) to [B,2C,H,W]."""
        b, channels, height, width = x.shape
        p, h, w = self.patch, height // self.patch, width // self.patch
        # Contiguous, as what leaves a block: else the first block is compiled for every size once more.
        x = self.x_embedder(x).flatten(2).transpose(1, 2).contiguous() + self._grid(h, w, x.device)  # [B,h·w,d]
        c = self.t_mlp(timestep_embedding(t, self.t_mlp[0].weight.dtype)) + self.y_table(classes)  # [B,d]
        y = self.text_norm(text)
        bias = masking_bias(mask, score_dtype(y))  # [B,1,1,L]
        x = self._routed(route, x, c, y, bias) if route else self._pass(self.blocks, x, c, y, bias)
        shift, scale = self.ada_final(c).chunk(2, 1)
        x = self.linear_final(modulate(self.norm_final(x), shift, scale))  # [B,h·w,p·p·2C]
        x = x.view(b, h, w, p, p, 2 * channels).permute(0, 5, 1, 3, 2, 4)
        return x.reshape(b, 2 * channels, height, width)

    @staticmethod
    def _pass(blocks: nn.ModuleList, x: Tensor, c: Tensor, y: Tensor, bias: Tensor) -> Tensor:
        for block in blocks:
            x = block(x, c, y, bias)
        return x

    def _routed(self, route: Route, x: Tensor, c: Tensor, y: Tensor, bias: Tensor) -> Tensor:
        b, tokens, d = x.shape
        count = int(tokens * route.keep) // 8 * 8
        x = self._pass(self.blocks[: route.first], x, c, y, bias)
        chosen = torch.rand(b, tokens, device=x.device).argsort(1)[:, :count, None].expand(-1, -1, d)
        kept = self._pass(self.blocks[route.first : route.last], x.gather(1, chosen), c, y, bias)
        x = x.scatter(1, chosen, kept.to(x.dtype))
        return self._pass(self.blocks[route.last :], x, c, y, bias)
