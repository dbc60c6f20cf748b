"""Stage `score`: how well a folder of pictures follows its prompts, by the judge.

The file of expectations has one JSON object a line: "image" (a file in the folder) and what the picture should show,
any of "concepts" (a list), "color", "count", "scene", "time", "style". What is absent or null is not judged. In a
folder that `dit-t2i batch` drew, "line" stands for the pictures of that line of the prompt file, and "prompt" is held
against theirs.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..config import Config, ConfigError
from ..workspace import Workspace
from .judge import CHOICES, Judge


def read_cases(path: Path) -> list[dict]:
    cases = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        try:
            case = json.loads(line)
            if not isinstance(case, dict) or not {"image", "line"} & case.keys():
                raise ValueError("neither image nor line")
        except ValueError as error:
            raise ConfigError(f"{path}:{number}: expected a JSON object with an image or a line: {error}") from error
        for question, choices in CHOICES.items():
            if case.get(question) is not None and case[question] not in choices:
                raise ConfigError(f"{path}:{number}: {question} must be one of {', '.join(map(str, choices))}")
        cases.append(case)
    return cases


def drawn(folder: Path, cases: list[dict]) -> list[tuple[Path, dict]]:
    """The pictures, each with its case: by the folder's manifest where it has one."""
    manifest = folder / "manifest.jsonl"
    if not manifest.exists():
        if any("image" not in case for case in cases):
            raise ConfigError(f"{manifest} is missing, and an expectation names no image")
        return [(folder / case["image"], case) for case in cases]
    by_line: dict[int, list[dict]] = defaultdict(list)
    for entry in map(json.loads, manifest.read_text().splitlines()):
        by_line[entry["line"]].append(entry)
    pairs = []
    for case in cases:
        entries = by_line[case.get("line")]
        if not entries:
            raise ConfigError(f"{manifest}: has no picture of line {case.get('line')}")
        if any(entry["prompt"] != case.get("prompt", entry["prompt"]) for entry in entries):
            raise ConfigError(f"{manifest}: line {case['line']} was drawn from another prompt than {case['prompt']!r}")
        pairs += [(folder / entry["file"], case) for entry in entries]
    return pairs


def read_picture(path: Path) -> Tensor:
    """[1,3,H,W] in 0…1."""
    try:
        pixels = np.asarray(Image.open(path).convert("RGB")).copy()
    except OSError as error:
        raise ConfigError(str(error)) from error
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def score(judge: Judge, folder: Path, cases: list[dict], device: str = "cpu") -> dict[str, tuple[float, int]]:
    """For each question: the share of pictures that are right, and of how many."""
    right: dict[str, list[bool]] = defaultdict(list)
    for path, case in drawn(folder, cases):
        (seen,) = judge.answers(read_picture(path).to(device))
        wanted = case.get("concepts") or []
        unknown = [c for c in wanted if c not in judge.concepts]
        if unknown:
            raise ConfigError(f"{path.name}: the judge does not know {', '.join(unknown)}")
        if wanted:
            count = len(wanted)
            right["concepts"].append(set(wanted) == set(seen["concepts"][:count]))
            right["concepts in first 5"].append(set(wanted) <= set(seen["concepts"][: max(count, 5)]))
        for question in CHOICES:
            if case.get(question) is not None:
                right[question].append(seen[question] == case[question])
    return {question: (sum(answers) / len(answers), len(answers)) for question, answers in right.items()}


def run(config: Config, workspace: Workspace, folder: Path, expected: Path) -> None:
    result = score(Judge(workspace, config.device), folder, read_cases(expected), config.device)
    for question, (share, count) in result.items():
        print(f"{question:<20} {share:6.1%} of {count}")
