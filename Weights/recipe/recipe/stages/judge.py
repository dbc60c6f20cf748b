"""Stage `judge`: a network that says what a picture shows, trained on painted scenes alone.

It never sees a generated picture in training, so its answers measure how well generated pictures follow their prompts.
"""

from __future__ import annotations

import shutil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..budget import Budget, Clock
from ..config import Config
from ..feed import Painting, Shape, source_of
from ..models.judge import JudgeNetwork
from ..painter import Labels
from ..painter.library import STYLES
from ..painter.palette import COLORS, TIMES
from ..painter.settings import SETTING_NAMES
from ..tokens import MAX_TOKENS
from ..training import Trainer, compiled, precision, set_rate, train
from ..workspace import Workspace, load, save, single
from .transformer import class_names

CHOICES: dict[str, list] = {
    "color": COLORS,
    "count": [0, 1, 2, 3, 4, 5],
    "scene": SETTING_NAMES,
    "time": TIMES,
    "style": STYLES,
}
CHECK_BATCHES = 6


def run(config: Config, workspace: Workspace, **hooks) -> None:
    result = workspace.result("judge")
    if config.judge.given and not result.exists():
        shutil.copy(config.judge.given, result)
    if workspace.has("judge"):
        return
    train(JudgeTrainer(config, workspace), Budget.parse(config.judge.budget), config, workspace, **hooks)


class Judge:
    """A trained judge: `answers` says what it sees."""

    def __init__(self, workspace: Workspace, device: str) -> None:
        state = load(workspace.need(workspace.result("judge"), "judge"), device)
        self.concepts: list[str] = state["concepts"]
        self.size: int = state["size"]
        self.network = JudgeNetwork(_answers(self.concepts), state["channels"]).to(device).eval()
        self.network.load_state_dict(single(state["network"]))

    @torch.no_grad()
    def answers(self, pictures: Tensor) -> list[dict]:
        """For [B,3,H,W]: the concepts, likeliest first, and the likeliest answer to each other question."""
        out = self.network(shrink(pictures, self.size))
        rows = []
        for i in range(len(pictures)):
            row: dict = {k: choices[int(out[k][i].argmax())] for k, choices in CHOICES.items()}
            row["concepts"] = [self.concepts[j] for j in out["concepts"][i].argsort(descending=True)]
            rows.append(row)
        return rows


def _answers(concepts: list[str]) -> dict[str, int]:
    return dict(concepts=len(concepts)) | {k: len(v) for k, v in CHOICES.items()}


def shrink(pictures: Tensor, size: int) -> Tensor:
    return F.interpolate(pictures, (size, size), mode="bilinear", antialias=True)


def targets(labels: list[Labels], index: dict[str, int]) -> tuple[Tensor, dict[str, Tensor]]:
    """Concepts present [B,K], and the answer to each other question [B], -1 where there is none."""
    present = torch.zeros(len(labels), len(index))
    for row, label in zip(present, labels):
        row[[index[c] for c in label.concepts if c in index]] = 1.0

    def answer(choices: list, value: object) -> int:
        return choices.index(value) if value in choices else -1

    chosen = {k: torch.tensor([answer(v, getattr(label, k)) for label in labels]) for k, v in CHOICES.items()}
    return present, chosen


class JudgeTrainer(Trainer):
    """Pictures get grain, and every third batch is blurred: generated ones are neither clean nor always sharp."""

    name = "judge"

    def __init__(self, config: Config, workspace: Workspace) -> None:
        self.config, self.workspace, self.options = config, workspace, config.judge
        torch.manual_seed(config.seed)
        self.concepts = class_names(config, workspace)
        self.index = {name: i for i, name in enumerate(self.concepts)}
        width, height = config.draw.size
        self.source = source_of(config, workspace, [Shape(width, height)], self.options.batch, MAX_TOKENS, offset=37)
        self.network = JudgeNetwork(_answers(self.concepts), self.options.channels)
        self.network.to(config.device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.options.learning_rate, weight_decay=0.02)
        self.drawn = 0
        self._painting: Painting | None = None
        compiled(self.network, config)

    def batch(self) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        if self._painting is None:
            self._painting = Painting(self.config, self.source, first=self.drawn)
        batch, images = self._painting.next()
        self.drawn += 1
        present, chosen = targets(batch.labels, self.index)
        device = self.config.device
        images = shrink(images, self.options.size)
        return images, present.to(device), {k: v.to(device) for k, v in chosen.items()}

    def step(self, clock: Clock) -> dict[str, Tensor]:
        warm = min(1.0, (clock.steps + 1) / self.options.warmup)
        set_rate([self.optimizer], warm * (1 - clock.progress))
        x, present, chosen = self.batch()
        x = x + torch.randn_like(x) * torch.rand(len(x), 1, 1, 1, device=x.device) * 0.03
        if clock.steps % 3 == 0:
            x = F.interpolate(F.avg_pool2d(x, 2), x.shape[2:], mode="bilinear")
        with precision(self.config):
            out = self.network(x.contiguous(memory_format=torch.channels_last))
        loss = F.binary_cross_entropy_with_logits(out["concepts"].float(), present, reduction="none").sum(1).mean()
        for question, answer in chosen.items():
            if bool((answer >= 0).any()):
                loss = loss + 0.5 * F.cross_entropy(out[question].float(), answer, ignore_index=-1)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        return dict(loss=loss.detach())

    def state(self) -> dict:
        return dict(network=self.network.state_dict(), optimizer=self.optimizer.state_dict(), drawn=self.drawn)

    def load_state(self, state: dict) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.drawn = state["drawn"]

    def finish(self) -> None:
        print("judge, on fresh scenes:", ", ".join(f"{k} {v:.1%}" for k, v in self.check().items()))
        state = {k: v.half() if v.is_floating_point() else v for k, v in self.network.state_dict().items()}
        result = dict(network=state, concepts=self.concepts, size=self.options.size, channels=self.options.channels)
        save(result, self.workspace.result("judge"))

    @torch.no_grad()
    def check(self) -> dict[str, float]:
        """The share of right answers on scenes it has not seen."""
        self.network.eval()
        right: dict[str, list[Tensor]] = {}
        for _ in range(CHECK_BATCHES):
            x, present, chosen = self.batch()
            out = self.network(x)
            one = present.sum(1) == 1
            right.setdefault("concept", []).append((out["concepts"].argmax(1) == present.argmax(1))[one])
            for question, answer in chosen.items():
                right.setdefault(question, []).append((out[question].argmax(1) == answer)[answer >= 0])
        return {k: torch.cat(v).float().mean().item() for k, v in right.items()}

    def close(self) -> None:
        if self._painting:
            self._painting.close()
