"""The text encoder: T5 v1.1 (Raffel et al. 2020, arXiv 1910.10683), small."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .attention import attend, score_dtype


class RMSNorm(nn.Module):
    """Computed in float32, or float64 where the input is."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x if x.dtype == torch.float64 else x.float()
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)).to(x.dtype) * self.weight


def relative_bucket(offset: Tensor, buckets: int, max_distance: int) -> Tensor:
    """T5's bidirectional bucket of (key position - query position): half exact, half logarithmic."""
    half = buckets // 2
    bucket = (offset > 0).long() * half
    distance, exact = offset.abs(), half // 2
    growth = torch.log(distance.float().clamp(min=1) / exact) / math.log(max_distance / exact)
    far = (exact + (growth * (half - exact)).long()).clamp(max=half - 1)
    return bucket + torch.where(distance < exact, distance, far)


class T5Attention(nn.Module):
    def __init__(self, d: int, heads: int, d_kv: int) -> None:
        super().__init__()
        self.heads, self.d_kv = heads, d_kv
        self.q, self.k, self.v = (nn.Linear(d, heads * d_kv, bias=False) for _ in range(3))
        self.o = nn.Linear(heads * d_kv, d, bias=False)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = (f(x).view(batch, length, self.heads, self.d_kv).transpose(1, 2) for f in (self.q, self.k, self.v))
        return self.o(attend(q, k, v, bias, scale=1.0).transpose(1, 2).reshape(batch, length, -1))


class T5Block(nn.Module):
    def __init__(self, d: int, heads: int, d_kv: int, d_ff: int) -> None:
        super().__init__()
        self.n1, self.attn, self.n2 = RMSNorm(d), T5Attention(d, heads, d_kv), RMSNorm(d)
        self.wi_0, self.wi_1 = nn.Linear(d, d_ff, bias=False), nn.Linear(d, d_ff, bias=False)
        self.wo = nn.Linear(d_ff, d, bias=False)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        x = x + self.attn(self.n1(x), bias)
        h = self.n2(x)
        return x + self.wo(F.gelu(self.wi_0(h), approximate="tanh") * self.wi_1(h))


class T5Encoder(nn.Module):
    """Token ids to states; 4 layers of width 256 with 4 heads of 64 unless said otherwise."""

    def __init__(
        self,
        vocab: int = 8192,
        d: int = 256,
        layers: int = 4,
        heads: int = 4,
        d_kv: int = 64,
        d_ff: int = 640,
        buckets: int = 32,
        max_distance: int = 128,
    ) -> None:
        super().__init__()
        self.cfg = dict(
            vocab_size=vocab,
            d_model=d,
            num_layers=layers,
            num_heads=heads,
            d_kv=d_kv,
            d_ff=d_ff,
            relative_attention_num_buckets=buckets,
            relative_attention_max_distance=max_distance,
        )
        self.buckets, self.max_distance = buckets, max_distance
        self.shared, self.rel = nn.Embedding(vocab, d), nn.Embedding(buckets, heads)
        self.blocks = nn.ModuleList(T5Block(d, heads, d_kv, d_ff) for _ in range(layers))
        self.norm = RMSNorm(d)
        self._initialise(d, heads, d_kv, d_ff)

    def _initialise(self, d: int, heads: int, d_kv: int, d_ff: int) -> None:
        """As T5's: attention is not scaled by 1/√d_kv, so the queries' weights are."""
        nn.init.normal_(self.shared.weight, std=1.0)
        nn.init.normal_(self.rel.weight, std=d**-0.5)
        for b in self.blocks:
            nn.init.normal_(b.attn.q.weight, std=(d * d_kv) ** -0.5)
            for linear in (b.attn.k, b.attn.v, b.wi_0, b.wi_1):
                nn.init.normal_(linear.weight, std=d**-0.5)
            nn.init.normal_(b.attn.o.weight, std=(heads * d_kv) ** -0.5)
            nn.init.normal_(b.wo.weight, std=d_ff**-0.5)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids [B,L], mask [B,L] (true: a token) to [B,L,d]."""
        position = torch.arange(ids.shape[1], device=ids.device)
        offset = position[None] - position[:, None]  # [L,L], key - query
        x = self.shared(ids)
        bias = self.rel(relative_bucket(offset, self.buckets, self.max_distance)).permute(2, 0, 1)[None]
        dtype = score_dtype(x)
        bias = bias.to(dtype).expand(len(ids), -1, -1, -1).masked_fill(~mask[:, None, None], -1e4)  # [B,heads,L,L]
        for block in self.blocks:
            x = block(x, bias)
        return self.norm(x)

    def hugging_face_state(self) -> dict[str, Tensor]:
        """The weights under the names of Hugging Face's `T5EncoderModel`."""
        first = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        state = {
            "shared.weight": self.shared.weight,
            "encoder.final_layer_norm.weight": self.norm.weight,
            first: self.rel.weight,
        }
        for i, b in enumerate(self.blocks):
            layer = f"encoder.block.{i}.layer."
            state[layer + "0.layer_norm.weight"] = b.n1.weight
            state[layer + "1.layer_norm.weight"] = b.n2.weight
            for name in "qkvo":
                state[layer + f"0.SelfAttention.{name}.weight"] = getattr(b.attn, name).weight
            for name in ("wi_0", "wi_1", "wo"):
                state[layer + f"1.DenseReluDense.{name}.weight"] = getattr(b, name).weight
        return {name: weight.detach() for name, weight in state.items()}
