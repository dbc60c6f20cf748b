"""What users bring: configurations, cut-outs, prompts files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import micro

from recipe import config
from recipe.__main__ import main
from recipe.sprites.pack import Pack, PackError
from recipe.stages import score, tokenizer
from recipe.stages.judge import CHOICES
from recipe.tokens import Tokens
from recipe.workspace import Workspace

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_the_configurations_load(name: str) -> None:
    settings = config.load(CONFIGS / f"{name}.toml", ["device=cpu"])
    assert settings.name == name and Path(settings.prompts).exists()
    assert Path(settings.tokenizer.given).exists()
    assert len(Path(settings.prompts).read_text().splitlines()) == 16


def test_tiny_has_the_classes_of_the_bundled_model() -> None:
    classes = json.loads((CONFIGS.parents[1] / "tiny" / "classes.json").read_text())
    assert sorted(config.load(CONFIGS / "tiny.toml").painter.concepts) == classes


@pytest.mark.parametrize(
    "override, message",
    [
        ("transformer.dept=3", "unknown key 'dept'"),
        ("transformer.depth=deep", "depth must be int"),
        ("seed", "expected table.key=value"),
    ],
)
def test_mistakes_are_named(home: Path, override: str, message: str) -> None:
    with pytest.raises(config.ConfigError, match=message):
        micro(home, override)


def test_a_pack_survives_the_tar(home: Path, tmp_path: Path) -> None:
    pack = Pack.from_folder(home / "cut-outs")
    pack.write_tar(tmp_path / "pack.tar")
    again = Pack.from_tar(tmp_path / "pack.tar")
    assert again.sprites == pack.sprites and again.concepts == pack.concepts
    visible = pack.pixels[..., 3] > 250
    assert np.abs(again.pixels[visible].astype(int) - pack.pixels[visible]).mean() < 6


def test_cut_outs_stand_on_the_bottom_and_know_their_color(home: Path) -> None:
    pack = Pack.from_folder(home / "cut-outs")
    assert (pack.pixels[:, -3:, :, 3].max((1, 2)) > 0).all()
    colors = {s["concept"]: s["main_color"] for s in pack.sprites}
    assert colors["ball"] == "red" and colors["cube"] == "blue" and colors["fish"] == "orange"


@pytest.mark.parametrize(
    "row, message",
    [("missing.png,ball", "missing.png"), (",ball", "file and concept"), ("ball-3d.png,ball,oil", "style must be")],
)
def test_bad_rows_are_named(home: Path, tmp_path: Path, row: str, message: str) -> None:
    shutil.copy(home / "cut-outs" / "ball-3d.png", tmp_path)
    (tmp_path / "words.csv").write_text(f"file,concept,style\n{row}\n")
    with pytest.raises(PackError, match=r"words.csv:2: .*" + message):
        Pack.from_folder(tmp_path)


def test_a_tokenizer_is_trained(home: Path, prepared: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    shutil.copytree(prepared.data, workspace.data)
    tokenizer.run(micro(home, "tokenizer.given=", "tokenizer.vocabulary=180"), workspace)
    tokens = Tokens(workspace.tokenizer)
    assert tokens.processor.get_piece_size() == 180
    assert tokens.ids("")[-1] == 1 and tokens.ids("A Red Ball") == tokens.ids("a red ball")
    assert tokens.batch(["a red ball", ""], 5).shape == (2, 5)


class KnowingJudge:
    """Answers by the mean colour of the picture: red is a ball."""

    concepts = ("ball", "cube")

    def answers(self, pictures: torch.Tensor) -> list[dict]:
        red, _, blue = pictures[0].mean((1, 2))
        seen = ["ball", "cube"] if red > blue else ["cube", "ball"]
        others = {k: v[1] for k, v in CHOICES.items()}
        return [others | dict(concepts=seen, color="red" if red > blue else "blue")]


def test_scores_are_counted(home: Path, tmp_path: Path) -> None:
    for name in ("ball", "cube"):
        shutil.copy(home / "cut-outs" / f"{name}-flat.png", tmp_path / f"{name}.png")
    cases = [
        dict(image="ball.png", concepts=["ball"], color="red", count=1, time=None),
        dict(image="cube.png", concepts=["ball"], color="blue"),
    ]
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text("\n".join(json.dumps(case) for case in cases))
    result = score.score(KnowingJudge(), tmp_path, score.read_cases(prompts))
    assert result == {"concepts": (0.5, 2), "concepts in first 5": (1.0, 2), "color": (1.0, 2), "count": (1.0, 1)}


def test_a_bad_prompts_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"image": "a.png", "color": "mauve"}\n')
    with pytest.raises(config.ConfigError, match=r"bad\.jsonl:1: color must be one of red"):
        score.read_cases(tmp_path / "bad.jsonl")


def test_the_command_line_says_what_is_wrong(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["transformer", "--config", str(home / "micro.toml"), "--work", str(tmp_path / "empty")]
    assert main(words) == 1
    assert "first" in capsys.readouterr().err
    assert main(["data", *words[1:]]) == 0 and (tmp_path / "empty" / "data" / "pixels.npy").exists()
