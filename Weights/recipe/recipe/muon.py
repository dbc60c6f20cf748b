"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): momentum whose singular values are all brought near 1.

As torch.optim.Muon with "match_rms_adamw", but matrices of one shape are done together, which saves a GPU most of the
launches, and in a type of one's choice: bfloat16 is slow on processors that emulate it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

QUINTIC = (3.4445, -4.7750, 2.0315)  # of Newton and Schulz's iteration, for the steepest slope at zero
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """For matrices alone. `lr` is on AdamW's scale (Liu et al. 2025, arXiv 2502.16982)."""

    def __init__(
        self, matrices: Iterable[Tensor], lr: float, momentum: float, weight_decay: float, dtype: torch.dtype
    ) -> None:
        super().__init__(matrices, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))
        self.dtype = dtype

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for matrix in group["params"]:
                by_shape[matrix.shape].append(matrix)
            for shape, matrices in by_shape.items():
                scale = 0.2 * math.sqrt(max(shape))
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
                updates = orthogonal(self._directions(matrices, group["momentum"]).to(self.dtype))
                torch._foreach_add_(matrices, list(updates.to(matrices[0].dtype)), alpha=-group["lr"] * scale)

    def _directions(self, matrices: list[Tensor], momentum: float) -> Tensor:
        """Nesterov's look ahead for each [N,R,C]."""
        for matrix in matrices:
            if not self.state[matrix]:
                self.state[matrix]["momentum_buffer"] = torch.zeros_like(matrix)
        gradients = [matrix.grad for matrix in matrices]
        buffers = [self.state[matrix]["momentum_buffer"] for matrix in matrices]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        return torch.stack(torch._foreach_lerp(gradients, buffers, momentum))


def orthogonal(x: Tensor) -> Tensor:
    """[N,R,C] to matrices with the same singular vectors and singular values of about 1."""
    if x.shape[1] > x.shape[2]:
        return orthogonal(x.mT).mT
    a, b, c = QUINTIC
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x
