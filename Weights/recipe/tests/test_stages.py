"""Every trained stage learns, and goes on after an interruption exactly as if there had been none."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import torch
from conftest import micro, word_teacher

from recipe.budget import Budget, Clock, readable
from recipe.config import ConfigError
from recipe.stages import autoencoder, draw, judge, text, transformer
from recipe.workspace import Workspace, load

STAGES = dict(autoencoder=autoencoder, text=text, transformer=transformer, judge=judge)
SHORT = dict(
    autoencoder=["autoencoder.budget='6 steps'"],
    text=["text.budget='6 steps'"],
    transformer=["transformer.stable='6 steps'", "transformer.decay='6 steps'", "transformer.refill=0.5"],
    judge=["judge.budget='6 steps'"],
)


def losses(workspace: Workspace, stage: str, column: str) -> list[float]:
    with open(workspace.log(stage)) as file:
        return [float(row[column]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("stage, column", [("autoencoder", "loss"), ("text", "loss"), ("transformer", "mse")])
def test_loss_falls(trained: Workspace, stage: str, column: str) -> None:
    values = losses(trained, stage, column)
    assert values[-1] < 0.9 * values[0]
    assert trained.picture(f"{stage}-curve").exists()
    assert not trained.progress(stage).exists()


def test_judge_learns(home: Path, prepared: Workspace) -> None:
    judge.run(micro(home), prepared)
    values = losses(prepared, "judge", "loss")
    assert values[-1] < 0.9 * values[0]


def test_sheets_are_drawn(home: Path, trained: Workspace) -> None:
    draw.run(micro(home), trained)
    for name in ("sheet", "transformer-sheet", "autoencoder-sheet"):
        assert trained.picture(name).stat().st_size > 500


def copy_inputs(source: Workspace, folder: Path, stage: str) -> Workspace:
    workspace = Workspace(folder)
    shutil.copytree(source.data, workspace.data)
    for path in (source.tokenizer, source.corpus, *map(source.result, ("autoencoder", "text"))):
        if path != source.result(stage):
            shutil.copy(path, folder)
    return workspace


def flatten(value: object, path: str = "") -> dict[str, torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return {path: value}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {k: v for key, item in items for k, v in flatten(item, f"{path}/{key}").items()}


@pytest.mark.parametrize("stage", STAGES)
def test_resumes_exactly(
    home: Path, prepared: Workspace, tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "teach", word_teacher)
    settings, module = micro(home, *SHORT[stage]), STAGES[stage]
    straight = copy_inputs(prepared, tmp_path / "straight", stage)
    module.run(settings, straight)

    broken = copy_inputs(prepared, tmp_path / "broken", stage)
    interrupt_at(module, settings, broken, step=4)
    assert broken.progress(stage).exists() and not broken.result(stage).exists()
    module.run(settings, broken)

    expected, actual = flatten(load(straight.result(stage))), flatten(load(broken.result(stage)))
    assert expected and expected.keys() == actual.keys()
    different = [name for name in expected if not torch.equal(expected[name], actual[name])]
    assert not different
    column = "mse" if stage == "transformer" else "loss"
    assert losses(straight, stage, column) == losses(broken, stage, column)


def interrupt_at(module: ModuleType, settings: object, workspace: Workspace, step: int) -> None:
    def stop(clock: Clock) -> None:
        if clock.steps == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module.run(settings, workspace, after_step=stop)


def test_a_checkpoint_of_something_else_is_named(home: Path, prepared: Workspace, tmp_path: Path) -> None:
    workspace = copy_inputs(prepared, tmp_path / "changed", "judge")
    interrupt_at(judge, micro(home, *SHORT["judge"]), workspace, step=2)
    with pytest.raises(ConfigError, match=r"judge\.unfinished\.pt: begun with another configuration"):
        judge.run(micro(home, *SHORT["judge"], "judge.channels=[8,16]"), workspace)
    cut = workspace.progress("judge").read_bytes()[:-1000]
    workspace.progress("judge").write_bytes(cut)
    with pytest.raises(ConfigError, match=r"judge\.unfinished\.pt: damaged"):
        judge.run(micro(home, *SHORT["judge"]), workspace)


def test_a_finished_stage_is_left_alone(home: Path, trained: Workspace) -> None:
    before = trained.result("transformer").stat().st_mtime_ns
    transformer.run(micro(home), trained)
    assert trained.result("transformer").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "written, amount, unit", [("900 s", 900, "s"), ("1.5 h", 5400, "s"), ("15min", 900, "s"), ("7 steps", 7, "steps")]
)
def test_budgets(written: str, amount: float, unit: str) -> None:
    assert Budget.parse(written) == Budget(amount, unit)


def test_time_left() -> None:
    with pytest.raises(ValueError, match="no budget"):
        Budget.parse("soon")
    assert [readable(s) for s in (42, 600, 7500, None)] == ["42 s", "10 min", "2 h 05 min", "…"]
