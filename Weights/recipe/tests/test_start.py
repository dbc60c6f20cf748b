"""Going on from weights: a checkpoint, or a model folder as the program ships it."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
import torch
from conftest import micro, program

from recipe.budget import Budget, Clock
from recipe.config import ConfigError
from recipe.models import DiT, T5Encoder
from recipe.stages import autoencoder, export
from recipe.start import CLASSES, Start
from recipe.workspace import Workspace, load, single


@pytest.fixture(scope="module")
def folder(home: Path, trained: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The micro model as a float16 folder."""
    workspace = Workspace(tmp_path_factory.mktemp("start") / "work")
    shutil.copytree(trained.root, workspace.root, dirs_exist_ok=True)
    export.run(micro(home), workspace)
    return workspace.model


def networks(trained: Workspace) -> tuple[DiT, T5Encoder, list[str]]:
    weights = load(trained.result("transformer"))
    return DiT.of(weights["cfg"]), T5Encoder(), weights["names"]


def test_a_folder_holds_what_the_checkpoint_holds(folder: Path, trained: Workspace) -> None:
    from_folder, from_checkpoint = Start.read(folder), Start.read(trained.result("transformer"))
    assert from_folder.names == from_checkpoint.names
    for part in ("dit", "enc"):
        one, other = getattr(from_folder, part), getattr(from_checkpoint, part)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one), part


@pytest.mark.skipif(program() is None, reason="dit-t2i is not built: swift build -c release, or set DIT_T2I")
def test_an_int8_folder_is_near(folder: Path, tmp_path: Path) -> None:
    quantised = tmp_path / "int8"
    subprocess.run([str(program()), "convert", str(folder), str(quantised), "--type", "int8"], check=True)
    exact, near = Start.read(folder), Start.read(quantised)
    for part in ("dit", "enc"):
        one, other = getattr(exact, part), getattr(near, part)
        assert one.keys() == other.keys()
        for name in one:
            step = one[name].abs().amax(-1, keepdim=True) / 127 if one[name].ndim == 2 else one[name].abs().max()
            assert bool(((one[name] - other[name]).abs() <= 0.51 * step + 1e-7).all()), name


def test_classes_keep_their_rows_by_name(trained: Workspace) -> None:
    dit, encoder, names = networks(trained)
    start = Start.read(trained.result("transformer"))
    kept = start.dit[CLASSES].clone()
    other = DiT.of(dit.cfg | dict(num_classes=3))
    fresh = other.y_table.weight.detach()[1].clone()
    start.give(other, encoder, [names[4], "teapot", names[0]])
    table = other.y_table.weight.detach()
    assert torch.equal(table[0], kept[4]) and torch.equal(table[2], kept[0])
    assert torch.equal(table[3], kept[-1]), "no class"
    assert torch.equal(table[1], fresh)
    state = single(load(trained.result("transformer"))["ema"]["dit"])
    assert torch.equal(other.linear_final.weight.detach(), state["linear_final.weight"])


def test_what_does_not_fit_is_said(trained: Workspace, tmp_path: Path) -> None:
    dit, encoder, names = networks(trained)
    with pytest.raises(ConfigError, match="does not fit the configuration"):
        Start.read(trained.result("transformer")).give(DiT.of(dit.cfg | dict(depth=4)), encoder, names)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.pt").write_text("no weights")
    for bad in ("empty", "text.pt"):
        with pytest.raises(ConfigError, match=f"{bad}: neither a checkpoint"):
            Start.read(tmp_path / bad)


def test_a_folder_gives_its_autoencoder(home: Path, folder: Path, trained: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    autoencoder.run(micro(home, f"autoencoder.given={folder}"), workspace)
    given, exact = load(workspace.result("autoencoder")), load(trained.result("autoencoder"))
    for part in ("enc", "dec"):
        assert given[part].keys() == exact[part].keys()
        assert all(torch.equal(given[part][name], exact[part][name].half().float()) for name in given[part])
    assert all(torch.allclose(given[name], exact[name].flatten()) for name in ("mean", "std"))
    with pytest.raises(ConfigError, match="no model folder of ours"):
        autoencoder.run(micro(home, f"autoencoder.given={home}"), Workspace(tmp_path / "other"))


def test_a_clock_ends_in_time() -> None:
    clock = Clock(Budget(900, "s"), until=time.time() + 30)
    assert clock.progress == 0
    clock.tick()
    assert 29 < clock.budget.amount < 30.5
    short, late = Clock(Budget(5, "s"), until=time.time() + 30), Clock(Budget(5, "s"), until=time.time() - 1)
    short.tick(), late.tick()
    assert short.budget.amount == 5
    assert late.progress >= 1
