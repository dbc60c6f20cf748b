"""The command line: `python -m recipe STAGE --config configs/tiny.toml`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import torch

from .config import Config, ConfigError, load
from .sprites.pack import PackError
from .stages import (
    autoencoder,
    compile,
    data,
    distil_guidance,
    distil_steps,
    draw,
    export,
    goldens,
    judge,
    prompts,
    score,
    text,
    tokenizer,
    transformer,
)
from .workspace import Workspace

STAGES = dict(
    data=data,
    tokenizer=tokenizer,
    autoencoder=autoencoder,
    text=text,
    transformer=transformer,
    export=export,
    judge=judge,
    draw=draw,
    compile=compile,
) | {"distil-guidance": distil_guidance, "distil-steps": distil_steps}
ALL = ("data", "tokenizer", "autoencoder", "text", "transformer", "export")


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(
        prog="python -m recipe", description="Makes the models that dit-t2i draws with, stage by stage."
    )
    stages = out.add_subparsers(dest="stage", required=True, metavar="STAGE")
    helps = {name: _first_line(module) for name, module in STAGES.items()}
    helps["all"] = f"{', '.join(ALL)}, one after the other; what is done already is skipped"
    for name, module in (("goldens", goldens), ("prompts", prompts), ("score", score)):  # these take further words
        helps[name] = _first_line(module)
    for name, line in helps.items():
        stage = stages.add_parser(name, help=line, description=line)
        stage.add_argument("--config", type=Path, required=True, help="a TOML file, such as configs/tiny.toml")
        stage.add_argument("--work", type=Path, help="where files go (default: work/NAME)")
        stage.add_argument("--device", choices=("cpu", "cuda"), help="in place of the configuration's")
        stage.add_argument("--sprites", help="a pack (.tar) or a folder of cut-outs (default: $DIT_T2I_SPRITES)")
        stage.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", help="such as transformer.stable='900 s'"
        )
        if name == "all":
            stage.add_argument("--last", choices=ALL, default=ALL[-1], help="the stage to end with")
        if name == "score":
            stage.add_argument("folder", type=Path, help="the pictures")
            stage.add_argument("expected", type=Path, help="one JSON object a line: image, concepts, color, count, …")
        if name == "goldens":
            stage.add_argument("folder", type=Path, help="the model's folder; they become its goldens/")
        if name == "prompts":
            stage.add_argument("folder", type=Path, help="where prompts.txt, expected.jsonl and painted/ go")
            stage.add_argument("--count", type=int, default=200, help="how many (default: 200)")
    return out


def _first_line(module: ModuleType) -> str:
    """Of its docstring, after the name of the stage."""
    return (module.__doc__ or "").split(": ", 1)[1].splitlines()[0]


def configure(arguments: argparse.Namespace) -> Config:
    overrides = list(arguments.set)
    if arguments.device:
        overrides.append(f"device={arguments.device}")
    sprites = arguments.sprites or os.environ.get("DIT_T2I_SPRITES")
    if sprites:
        overrides.append(f"data.sprites={sprites}")
    return load(arguments.config, overrides)


def main(words: list[str] | None = None) -> int:
    arguments = parser().parse_args(words)
    for ending in (signal.SIGINT, signal.SIGTERM):  # saved on both, in the background (nohup … &) too
        signal.signal(ending, signal.default_int_handler)
    try:
        config = configure(arguments)
        if config.device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("there is no CUDA device here; say --device cpu")
        if config.threads:
            torch.set_num_threads(config.threads)
        workspace = Workspace(arguments.work or Path("work") / config.name)
        if arguments.stage == "goldens":
            goldens.run(config, arguments.folder)
        elif arguments.stage == "score":
            score.run(config, workspace, arguments.folder, arguments.expected)
        elif arguments.stage == "prompts":
            prompts.run(config, workspace, arguments.folder, arguments.count)
        else:
            through = ALL[: ALL.index(arguments.last) + 1] if arguments.stage == "all" else (arguments.stage,)
            for name in through:
                STAGES[name].run(config, workspace)
    except (ConfigError, PackError, ValueError, OSError) as error:
        print(f"recipe: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
