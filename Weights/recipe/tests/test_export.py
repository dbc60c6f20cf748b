"""The exported folder: what is in it, and that dit-t2i computes from it what PyTorch does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import REPOSITORY, micro, program
from PIL import Image
from safetensors.torch import load_file

from recipe.diffusion import timesteps
from recipe.stages import export, goldens
from recipe.workspace import Workspace, load


@pytest.fixture(scope="module")
def folder(home: Path, trained: Workspace) -> Path:
    export.run(micro(home), trained)
    return trained.model


def test_the_folder_has_the_layout_of_the_bundled_one(folder: Path) -> None:
    bundled = REPOSITORY / "Weights" / "small"
    for file in ("model_index.json", "transformer/config.json", "text_encoder/config.json", "vae/config.json"):
        assert json.loads((folder / file).read_text()).keys() == json.loads((bundled / file).read_text()).keys()
    stated = json.loads((folder / "limits.json").read_text())
    assert stated.keys() == json.loads((bundled / "limits.json").read_text()).keys()
    assert stated["sizes"]["smallest"] <= stated["sizes"]["largest"] and stated["sizes"]["aspect"] >= 1
    assert json.loads((folder / "classes.json").read_text()) == ["ball", "cube", "egg", "fish", "hat", "kite"]
    words = (folder / "vocabulary.txt").read_text().split()
    assert {"ball", "cubes", "red", "meadow", "the"} <= set(words) and "violin" not in words


def test_names_and_values_are_those_of_the_checkpoint(folder: Path, trained: Workspace) -> None:
    weights = load(trained.result("transformer"))["ema"]["dit"]
    stored = load_file(folder / "transformer" / export.WEIGHTS)
    assert stored.keys() == weights.keys()
    assert all(torch.equal(stored[name], weights[name]) for name in stored)
    assert all(value.dtype == torch.float16 for value in stored.values())


def test_goldens_agree_with_float32(folder: Path) -> None:
    manifest = json.loads((folder / "goldens" / "manifest.json").read_text())
    cases = manifest["groups"]["model"]["cases"]
    assert cases.keys() == {"tokens.json", "text.safetensors", "class.safetensors", "both-wide.safetensors"}
    for name, case in cases.items():
        if case["kind"] == "text-to-image":
            assert case["timesteps"] == timesteps(4)
            for key, measured in case["reference_float32_deviation"].items():
                assert measured["nmse"] <= case["tolerance"][key]["nmse"], (name, key)
            contents = load_file(folder / "goldens" / name)
            assert contents["expected.image_u8"].float().std() > 0


def test_goldens_can_be_made_again_from_the_folder(home: Path, folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("goldens"))
    goldens.run(micro(home), copy)
    for name in ("text", "class", "both-wide"):
        made, before = (load_file(path / "goldens" / f"{name}.safetensors") for path in (copy, folder))
        assert made.keys() == before.keys()
        assert all(torch.allclose(made[k].double(), before[k].double(), atol=1e-5) for k in made)


def test_the_batch_benchmark_draws_with_the_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("# two\na ball\na fish in snow\n")
    script = REPOSITORY / "Benchmarks/batch/pytorch.py"
    words = [sys.executable, str(script), str(folder), str(tmp_path / "prompts.txt"), "--keep", str(tmp_path)]
    words += ["--steps", "2", "--size", "64", "--runs", "1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "2 pictures" in done.stdout, done.stdout + done.stderr
    assert [Image.open(tmp_path / f"{i}.png").size for i in (0, 1)] == [(64, 64), (64, 64)]


@pytest.mark.skipif(program() is None, reason="dit-t2i is not built: swift build -c release, or set DIT_T2I")
def test_swift_computes_the_same(folder: Path) -> None:
    """Tokens, text states, guided noise and state at two steps, latents and picture."""
    done = subprocess.run(
        [str(program()), "verify", str(folder / "goldens")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout
