"""Stage `data`: the cut-outs, from a pack, from a folder of one's own, or from their public sources."""

from __future__ import annotations

from pathlib import Path

from ..config import Config, ConfigError
from ..sprites.pack import Pack
from ..workspace import Workspace


def run(config: Config, workspace: Workspace) -> None:
    if (workspace.data / "sprites.json").exists():
        print("data: done already")
        return
    source = Path(config.data.sprites) if config.data.sprites else None
    if source is None:
        from ..sprites.build import build

        pack = build(Path(config.data.sources))
        pack.write_tar(workspace.root / "sprites.tar")
    elif source.is_dir():
        pack = Pack.from_folder(source)
    elif source.exists():
        pack = Pack.from_tar(source)
    else:
        raise ConfigError(f"{source}: no such pack or folder of cut-outs")
    pack.write(workspace.data)
    print(f"data done: {len(pack.sprites)} cut-outs of {len(pack.concepts)} things")
