"""Stage `prompts`: captions of scenes never trained on, to be drawn and scored, and what each picture should show.

FOLDER gets `prompts.txt` for `dit-t2i batch`, `expected.jsonl` for `score`, and the scenes as they were painted in
`painted/`: what the judge says of those is the most that a model can reach.
"""

from __future__ import annotations

import json
from pathlib import Path

from .. import pictures
from ..config import Config, ConfigError
from ..feed import Painting, Shape, source_of
from ..painter import Labels
from ..tokens import MAX_TOKENS
from ..workspace import Workspace

BATCH = 50


def run(config: Config, workspace: Workspace, folder: Path, count: int) -> None:
    if count < 1:
        raise ConfigError(f"--count {count}: at least one prompt is needed")
    source = source_of(config, workspace, [Shape(*config.draw.size)], min(BATCH, count), MAX_TOKENS, offset=61)
    painted = folder / "painted"
    painted.mkdir(parents=True, exist_ok=True)
    cases: list[dict] = []
    painting = Painting(config, source)
    try:
        while len(cases) < count:
            batch, images = painting.next()
            for caption, labels, image in list(zip(batch.captions, batch.labels, images))[: count - len(cases)]:
                line = len(cases) + 1
                case = dict(line=line, image=f"{line:04d}.png", prompt=caption) | expected(labels)
                pictures.to_image(image).save(painted / case["image"])
                cases.append(case)
    finally:
        painting.close()
    (folder / "prompts.txt").write_text("".join(case["prompt"] + "\n" for case in cases))
    (folder / "expected.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    print(f"prompts done: {count} prompts in {folder}")


def expected(labels: Labels) -> dict:
    """What the caption says, and nothing else: a picture that differs where it was free is not wrong."""
    return {name: getattr(labels, name) for name in labels.said}
