"""Attention over heads, the way that is fastest where it runs."""

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None, scale: float | None = None) -> Tensor:
    """[B,heads,N,d] against [B,heads,M,d]; `bias` is added to the scores, `scale` is 1/√d unless given.

    On a CPU, at a few hundred tokens, two products and a softmax beat PyTorch's fused kernel.
    """
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)
    scores = (q * (q.shape[-1] ** -0.5 if scale is None else scale)) @ k.transpose(-1, -2)
    return (scores if bias is None else scores + bias).softmax(-1).to(v.dtype) @ v


def score_dtype(x: Tensor) -> torch.dtype:
    """What a bias on the scores of `x` must be stored in: the fused kernels want that of their queries."""
    cast = x.device.type == "cuda" and torch.is_autocast_enabled("cuda")
    return torch.get_autocast_dtype("cuda") if cast else x.dtype


def masking_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """[B,L], true for a token, to [B,1,1,L]: 0 there, -10⁴ elsewhere."""
    return torch.zeros(mask.shape, device=mask.device, dtype=dtype).masked_fill(~mask, -1e4)[:, None, None]
