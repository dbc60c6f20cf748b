"""An adapter that draws in few steps: what it is made of, that it learns, and that the program draws with it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import micro, program
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from test_stages import flatten, interrupt_at, losses

from recipe import lora
from recipe.diffusion import NOISE, SIGNAL, guided, sample, timesteps, walk
from recipe.drawing import Artist, null_condition
from recipe.models import DiT
from recipe.stages import distil_guidance, distil_steps, export, goldens
from recipe.tokens import Tokens
from recipe.workspace import Workspace, load

STAGES = {"distil-guidance": distil_guidance, "distil-steps": distil_steps}


def inputs(models: goldens.Models, tokens: Tokens, null: int, count: int = 2) -> tuple:
    torch.manual_seed(7)
    ids = tokens.batch(["a red ball in a meadow", "a fish in a lake"][:count])
    condition = torch.full((count,), null), models.text(ids, ids > 0), ids > 0
    return torch.randn(count, 8, 8, 8), condition, null_condition(models.text, condition, null)


@pytest.fixture(scope="module")
def exported(home: Path, trained: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The micro model as a folder."""
    workspace = Workspace(tmp_path_factory.mktemp("distil") / "work")
    shutil.copytree(trained.root, workspace.root, dirs_exist_ok=True)
    export.run(micro(home), workspace)
    return workspace


@pytest.fixture(scope="module")
def distilled(home: Path, exported: Workspace) -> Workspace:
    for stage in STAGES.values():
        stage.run(micro(home), exported)
    return exported


def test_an_adapter_begins_as_nothing_and_merges_to_the_same() -> None:
    torch.manual_seed(1)
    plain, adapted = (DiT(d=48, depth=2, heads=2, classes=3, d_text=16, base=2) for _ in range(2))
    for parameter in plain.parameters():  # or zeros would hide every difference
        torch.nn.init.normal_(parameter, std=0.1)
    adapted.load_state_dict(plain.state_dict())
    adapter = lora.attach(adapted, 4, ["attn.qkv", "mlp.fc2", "linear_final"])
    assert list(adapter) == [f"blocks.{i}.{name}" for i in (0, 1) for name in ("attn.qkv", "mlp.fc2")] + [
        "linear_final"
    ]
    words = torch.randn(2, 8, 8, 8), torch.tensor([3, 500]), torch.tensor([0, 3]), torch.randn(2, 5, 16)
    arguments = *words, torch.ones(2, 5, dtype=torch.bool)
    assert torch.equal(adapted(*arguments), plain(*arguments))
    tensors = lora.parameters(adapter)
    assert [p for p in adapted.parameters() if p.requires_grad] == list(tensors.values())
    for name, tensor in tensors.items():
        if "lora_B" in name:
            torch.nn.init.normal_(tensor, std=0.1)
    changed = adapted(*arguments)
    assert not torch.allclose(changed, plain(*arguments), atol=1e-3)
    lora.merge(plain, tensors)
    assert torch.allclose(plain(*arguments), changed, atol=1e-5)


def test_segments_follow_each_other() -> None:
    assert distil_steps.segments(4, 2) == [[999, 874, 749], [749, 624, 500], [500, 375, 250], [250, 125, None]]
    for steps, substeps in ((1, 3), (4, 4), (8, 1)):
        found = distil_steps.segments(steps, substeps)
        assert [s[0] for s in found] == timesteps(steps)
        assert [s[-1] for s in found[:-1]] == [s[0] for s in found[1:]] and found[-1][-1] is None
        for segment in found:
            assert len(segment) == substeps + 1 and sorted(set(segment[:-1]), reverse=True) == segment[:-1]


def test_a_walk_of_first_order_is_ddim() -> None:
    torch.manual_seed(3)
    x, noise = torch.randn(1, 8, 4, 4, dtype=torch.float64), torch.randn(1, 8, 4, 4, dtype=torch.float64)
    led = walk(lambda x, t: noise, x, [700, 400])
    expected = SIGNAL[400] * (x - NOISE[700] * noise) / SIGNAL[700] + NOISE[400] * noise
    assert torch.allclose(led, expected, atol=1e-12)
    assert torch.allclose(walk(lambda x, t: noise, x, [700, 550, 400], order=1), expected, atol=1e-9)


@pytest.mark.parametrize("stage", STAGES)
def test_the_loss_falls(distilled: Workspace, stage: str) -> None:
    values = losses(distilled, stage, "loss")
    assert values[-1] < 0.9 * values[0], values
    assert distilled.picture(f"{stage}-sheet").stat().st_size > 500


def test_one_branch_says_what_two_said(home: Path, distilled: Workspace) -> None:
    models, names = goldens.load(distilled.model)
    x, condition, null = inputs(models, Tokens(distilled.tokenizer), len(names))
    t = torch.tensor([600, 300])
    with torch.no_grad():
        wanted, both = guided(models.dit, x, t, condition, null, micro(home).distil.guidance)
        before = ((both[:2, :8] - wanted) ** 2).mean()
        lora.merge(models.dit, load(distilled.result("distil-guidance")))
        after = ((models.dit(x, t, *condition)[:, :8] - wanted) ** 2).mean()
    assert after < 0.8 * before


def test_few_steps_lead_nearer_to_where_many_do(home: Path, distilled: Workspace) -> None:
    models, names = goldens.load(distilled.model)
    x, condition, null = inputs(models, Tokens(distilled.tokenizer), len(names))
    options = micro(home).distil
    wanted = sample(models.dit, x, condition, null, options.guidance, options.steps * options.substeps)
    lora.merge(models.dit, load(distilled.result("distil-guidance")))
    before = sample(models.dit, x, condition, null, 1.0, options.steps, order=1)
    other, _ = goldens.load(distilled.model)
    lora.merge(other.dit, load(distilled.result("distil-steps")))
    after = sample(other.dit, x, condition, null, 1.0, options.steps, order=1)
    assert ((after - wanted) ** 2).mean() < ((before - wanted) ** 2).mean()


def test_the_file_says_what_it_is(home: Path, distilled: Workspace) -> None:
    options, kept = micro(home).distil, load(distilled.result("distil-steps"))
    with safe_open(distilled.root / distil_steps.ADAPTER, "pt") as file:
        metadata, names = file.metadata(), set(file.keys())
        assert all(torch.equal(file.get_tensor(name), kept[name].half()) for name in names)
    assert names == kept.keys() and metadata["dit_t2i.steps"] == str(options.steps)
    settings = json.loads(metadata["lora_adapter_metadata"])
    assert settings["transformer.r"] == settings["transformer.lora_alpha"] == options.rank
    assert len(settings["transformer.target_modules"]) == len(names) // 2


@pytest.mark.parametrize("stage", STAGES)
def test_resumes_exactly(home: Path, distilled: Workspace, tmp_path: Path, stage: str) -> None:
    settings = micro(
        home, "distil.guidance_budget='6 steps'", "distil.steps_budget='6 steps'", "transformer.refill=0.5"
    )
    straight, broken = (Workspace(tmp_path / name) for name in ("straight", "broken"))
    for workspace in (straight, broken):
        shutil.copytree(distilled.root, workspace.root, dirs_exist_ok=True)
        workspace.result(stage).unlink()
    STAGES[stage].run(settings, straight)
    interrupt_at(STAGES[stage], settings, broken, step=4)
    assert broken.progress(stage).exists() and not broken.result(stage).exists()
    STAGES[stage].run(settings, broken)
    expected, actual = flatten(load(straight.result(stage))), flatten(load(broken.result(stage)))
    assert expected and expected.keys() == actual.keys()
    assert not [name for name in expected if not torch.equal(expected[name], actual[name])]


@pytest.mark.skipif(program() is None, reason="dit-t2i is not built: swift build -c release, or set DIT_T2I")
def test_the_program_draws_with_it(home: Path, distilled: Workspace, tmp_path: Path) -> None:
    """In its steps and one branch, what PyTorch draws from the same noise."""
    folder = tmp_path / "model"
    shutil.copytree(distilled.model, folder)
    words = [str(program()), "a red ball in a meadow", "--model", str(folder), "--fast"]
    words += ["--seed", "3", "--size", "64x64", "--sizing", "direct", "--precision", "f32"]
    without = subprocess.run([*words, "-o", str(tmp_path / "x.png")], capture_output=True, text=True)
    assert without.returncode == 64 and distil_steps.ADAPTER in without.stderr, without.stderr
    shutil.copy(distilled.root / distil_steps.ADAPTER, folder)
    done = subprocess.run([*words, "-o", str(tmp_path / "fast.png")], capture_output=True, text=True)
    assert done.returncode == 0 and "4 steps" in done.stdout, done.stdout + done.stderr
    models, names = goldens.load(folder)
    lora.merge(models.dit, load_file(folder / distil_steps.ADAPTER))
    weights = dict(ema=dict(dit=models.dit.state_dict(), enc=models.text.state_dict()), names=names, cfg=models.dit.cfg)
    settings = micro(home, "draw.steps=4", "draw.guidance=1")
    drawn = Artist(settings, distilled, weights).draw(["a red ball in a meadow"], seed=3, order=1)[0]
    expected = (drawn * 255).round().permute(1, 2, 0)
    found = torch.from_numpy(np.array(Image.open(tmp_path / "fast.png"))).float()
    assert found.shape == (64, 64, 3)
    assert (found - expected).abs().max() <= 2
