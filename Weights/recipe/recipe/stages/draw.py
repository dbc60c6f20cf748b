"""Stage `draw`: a sheet of pictures for the configuration's prompts, by PyTorch."""

from __future__ import annotations

from .. import pictures
from ..config import Config, ConfigError
from ..drawing import Artist, read_prompts
from ..workspace import Workspace, load


def run(config: Config, workspace: Workspace) -> None:
    """Draws with the finished weights, or the latest ones of a training that is under way."""
    for name in ("transformer", "transformer-latest"):
        if workspace.result(name).exists():
            weights = load(workspace.result(name), config.device)
            break
    else:
        raise ConfigError("there are no weights yet: run the stage `transformer` first")
    prompts = read_prompts(config)
    path = workspace.picture("sheet")
    pictures.sheet(Artist(config, workspace, weights).draw(prompts, seed=config.seed), path, captions=prompts)
    print(f"draw done: {path}")
