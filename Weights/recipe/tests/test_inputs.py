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
from recipe.stages import prompts, score, tokenizer
from recipe.stages.judge import CHOICES
from recipe.tokens import Tokens
from recipe.workspace import Workspace

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.mark.parametrize("name", ["tiny", "small", "two-cores", "forty"])
def test_the_configurations_load(name: str) -> None:
    settings = config.load(CONFIGS / f"{name}.toml", ["device=cpu"])
    assert settings.name == name and Path(settings.prompts).exists()
    assert Path(settings.tokenizer.given).exists()
    assert len(Path(settings.prompts).read_text().splitlines()) == 16


@pytest.mark.parametrize("name", ["tiny", "small", "two-cores", "forty"])
def test_its_things_are_known_to_the_bundled_model_by_name(name: str) -> None:
    classes = json.loads((CONFIGS.parents[1] / "small" / "classes.json").read_text())
    painter = config.load(CONFIGS / f"{name}.toml").painter
    named = {*painter.concepts, *painter.favourites}
    assert named and named <= set(classes)


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
    expected = tmp_path / "expected.jsonl"
    expected.write_text("\n".join(json.dumps(case) for case in cases))
    result = score.score(KnowingJudge(), tmp_path, score.read_cases(expected))
    assert result == {"concepts": (0.5, 2), "concepts in first 5": (1.0, 2), "color": (1.0, 2), "count": (1.0, 1)}


@pytest.mark.parametrize(
    "line, message",
    [
        ('{"image": "a.png", "color": "mauve"}', "color must be one of red"),
        ('{"color": "red"}', "neither image nor line"),
        ("[1]", "neither image nor line"),
        ("{", "expected a JSON object"),
    ],
)
def test_bad_expectations_are_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "bad.jsonl").write_text(line + "\n")
    with pytest.raises(config.ConfigError, match=r"bad\.jsonl:1: .*" + message):
        score.read_cases(tmp_path / "bad.jsonl")


def test_prompts_say_what_to_expect(home: Path, prepared: Workspace, tmp_path: Path) -> None:
    prompts.run(micro(home), prepared, tmp_path, 12)
    cases = score.read_cases(tmp_path / "expected.jsonl")
    captions = (tmp_path / "prompts.txt").read_text().splitlines()
    assert [case["prompt"] for case in cases] == captions and len(captions) == 12
    assert [case["line"] for case in cases] == list(range(1, 13))
    assert any("color" in case for case in cases) and not all("color" in case for case in cases)
    for path, _ in score.drawn(tmp_path / "painted", cases):
        assert score.read_picture(path).shape == (1, 3, 64, 64)


def test_pictures_of_a_batch_are_found_by_line(tmp_path: Path) -> None:
    cases = [dict(line=1, prompt="a ball", concepts=["ball"]), dict(line=2, prompt="a cube", concepts=["cube"])]
    entries = [
        dict(line=line, prompt=prompt, file=f"{i}.png")
        for i, (line, prompt) in enumerate([(2, "a cube"), (1, "a ball"), (2, "a cube")])
    ]
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    found = [(path.name, case["line"]) for path, case in score.drawn(tmp_path, cases)]
    assert found == [("1.png", 1), ("0.png", 2), ("2.png", 2)]
    with pytest.raises(config.ConfigError, match="is missing, and an expectation names no image"):
        score.drawn(tmp_path / "elsewhere", cases)
    with pytest.raises(config.ConfigError, match="has no picture of line 3"):
        score.drawn(tmp_path, [*cases, dict(line=3)])
    with pytest.raises(config.ConfigError, match="line 1 was drawn from another prompt than 'a kite'"):
        score.drawn(tmp_path, [dict(line=1, prompt="a kite")])


def test_the_command_line_says_what_is_wrong(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["transformer", "--config", str(home / "micro.toml"), "--work", str(tmp_path / "empty")]
    assert main(words) == 1
    assert "first" in capsys.readouterr().err
    assert main(["data", *words[1:]]) == 0 and (tmp_path / "empty" / "data" / "pixels.npy").exists()
