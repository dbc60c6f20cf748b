"""Muon: held against PyTorch's, and its singular values against what they should be."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from recipe.muon import Muon, orthogonal

SHAPES = [(24, 16), (16, 24), (16, 16), (24, 16)]  # two of one shape, which are done together


def trained(make: type, steps: int = 6, **options) -> list[Tensor]:
    """Matrices after some steps on fixed gradients."""
    generator = torch.Generator().manual_seed(0)
    matrices = [torch.randn(shape, generator=generator).requires_grad_() for shape in SHAPES]
    optimizer = make(matrices, lr=0.02, momentum=0.95, weight_decay=0.02, **options)
    for _ in range(steps):
        for matrix in matrices:
            matrix.grad = torch.randn(matrix.shape, generator=generator)
        optimizer.step()
    return [matrix.detach() for matrix in matrices]


@pytest.mark.parametrize("dtype, tolerance", [(torch.bfloat16, 0.02), (torch.float32, 0.03)])
def test_steps_are_those_of_pytorch(dtype: torch.dtype, tolerance: float) -> None:
    """PyTorch's own is in bfloat16; batched products round in another order."""
    start = trained(torch.optim.Muon, steps=0)
    theirs = trained(torch.optim.Muon, adjust_lr_fn="match_rms_adamw")
    ours = trained(Muon, dtype=dtype)
    for first, one, other in zip(start, theirs, ours):
        assert (one - other).norm() < tolerance * (one - first).norm()


@pytest.mark.parametrize("shape", [(3, 16, 40), (3, 40, 16)])
def test_singular_values_come_near_one(shape: tuple[int, int, int]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    u, values, v = torch.linalg.svd(x, full_matrices=False)
    after = torch.diagonal(u.mT @ orthogonal(x) @ v.mT, dim1=1, dim2=2)
    assert (values.amax(1) / values.amin(1)).min() > 2
    assert after.min() > 0.6 and after.max() < 1.3
