"""The public sources of the cut-outs, at the commits that the pack was made from. DATA.md names their licences."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A Git repository, of which some paths are fetched."""

    url: str
    commit: str
    paths: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.url.removesuffix(".git").rsplit("/", 1)[-1]

    def fetch(self, root: Path) -> Path:
        """Its files under `root`, fetched if they are not there: the one commit, the named paths."""
        folder = root / self.name
        if (folder / ".complete").exists():
            return folder
        folder.mkdir(parents=True, exist_ok=True)

        def git(*words: str) -> None:
            subprocess.run(["git", "-C", str(folder), *words], check=True)

        git("init", "--quiet")
        git("sparse-checkout", "set", "--no-cone", *(f"/{path}" for path in self.paths))
        git("fetch", "--quiet", "--depth", "1", "--filter=blob:none", self.url, self.commit)
        git("checkout", "--quiet", self.commit)
        (folder / ".complete").touch()
        return folder


FLUENT = Source(
    "https://github.com/shuding/fluentui-emoji-unicode.git",
    "7a40f1a2d064d76e436813edc0f09b6c8cde5da8",
    ("assets/", "LICENSE"),
)
NOTO = Source(
    "https://github.com/googlefonts/noto-emoji.git",
    "b3e3051a088047d19fd4d49b1c3ac42fb8c3aaf8",
    ("png/512/", "svg/", "LICENSE"),
)
