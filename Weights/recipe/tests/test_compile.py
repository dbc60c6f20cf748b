"""The stage `compile` meets exactly the graphs that training meets: else its work would be for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from conftest import micro
from test_stages import copy_inputs

from recipe.stages import compile, transformer
from recipe.workspace import Workspace

Graphs = set[tuple]


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graphs]:
    """Code and inputs of each graph that the compiler is given from now on; they are run as they are."""
    seen: Graphs = set()

    def record(graph: torch.fx.GraphModule, inputs: list) -> torch.fx.GraphModule:
        kinds = [(tuple(x.shape), x.stride(), x.dtype, x.requires_grad) for x in inputs if isinstance(x, torch.Tensor)]
        seen.add((graph.code, *kinds))
        return graph

    original = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **options: original(self, backend=record, **options))
    torch._dynamo.reset()
    yield seen
    torch._dynamo.reset()


def test_training_finds_its_kernels(home: Path, prepared: Workspace, tmp_path: Path, graphs: Graphs) -> None:
    config = micro(home, "compile=true", "transformer.stable='12 steps'", "transformer.decay='6 steps'")
    for bucket in config.transformer.buckets:
        compile._compile(config, bucket)
    made = set(graphs)
    graphs.clear()
    torch._dynamo.reset()  # as in another process
    transformer.run(config, copy_inputs(prepared, tmp_path / "work", "transformer"))
    assert len(graphs) >= 4  # a block for each size, routed and not
    assert graphs <= made


def test_memory_is_bounded_by_the_first_size(home: Path) -> None:
    options = micro(home).transformer
    assert [options.batch_of(bucket) for bucket in options.buckets] == [16, 8]  # 10 of 96×64, in eights
