"""The loop that every trained stage runs in: budget, checkpoints, progress, curve."""

from __future__ import annotations

import csv
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from . import pictures
from .budget import Budget, Clock, readable
from .config import Config, ConfigError
from .workspace import Workspace, load, save

SMOOTHING = 0.98  # of the reported numbers, per step
REPORT_EVERY = 15.0  # seconds
CURVE_POINTS = 400  # rows in the log, roughly


class Trainer(ABC):
    """One stage. `step` does an update and returns numbers to report, the first of which is plotted."""

    name: str

    @abstractmethod
    def step(self, clock: Clock) -> dict[str, Tensor]: ...

    @abstractmethod
    def state(self) -> dict:
        """All that `load_state` needs to go on as if nothing had happened."""

    @abstractmethod
    def load_state(self, state: dict) -> None: ...

    def publish(self) -> None:
        """Writes what can be used already; called at every checkpoint."""

    @abstractmethod
    def finish(self) -> None:
        """Writes the stage's result."""

    def close(self) -> None:
        """Ends helpers; called in any case."""


def train(
    trainer: Trainer,
    budget: Budget,
    config: Config,
    workspace: Workspace,
    after_step: Callable[[Clock], None] | None = None,
) -> None:
    """Trains until the budget is spent, going on from a checkpoint if there is one.

    Interrupted by Ctrl-C it saves and raises KeyboardInterrupt again; the next run goes on from there.
    """
    stage, unfinished = trainer.name, workspace.progress(trainer.name)
    clock, said = Clock(budget, until=config.until), {}
    try:
        if unfinished.exists():
            state = load(unfinished, config.device)
            _restore(trainer, state["trainer"], unfinished)
            clock, said = Clock(budget, **state["clock"], until=config.until), state["report"]
            _set_random_state(state["random"])
            print(f"{stage}: going on from step {clock.steps}", flush=True)
        report = Report(stage, clock, **said)

        def checkpoint() -> None:
            random = dict(cpu=torch.get_rng_state())
            if config.device == "cuda":
                random["cuda"] = torch.cuda.get_rng_state()
            state = dict(trainer=trainer.state(), clock=clock.state(), report=report.state(), random=random)
            save(state, unfinished)
            trainer.publish()
            report.write(workspace)

        saved = time.monotonic()
        try:
            while clock.progress < 1:
                numbers = trainer.step(clock)
                clock.tick()
                report.add(numbers)
                if after_step:
                    after_step(clock)
                if time.monotonic() - saved > config.save_every:
                    checkpoint()
                    saved = time.monotonic()
        except KeyboardInterrupt:
            checkpoint()
            print(f"\n{stage}: saved at step {clock.steps}; run it again to go on", flush=True)
            raise
        trainer.finish()
        report.write(workspace)
        unfinished.unlink(missing_ok=True)
        print(f"{stage} done: {clock.steps} steps, {readable(clock.seconds)}; {report.line()}", flush=True)
    finally:
        trainer.close()


def _restore(trainer: Trainer, state: dict, path: Path) -> None:
    try:
        trainer.load_state(state)
    except (KeyError, RuntimeError, ValueError) as error:
        raise ConfigError(f"{path}: begun with another configuration; go on with that, or delete it") from error


def _set_random_state(state: dict[str, Tensor]) -> None:
    torch.set_rng_state(state["cpu"].cpu())
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"].cpu())


class Report:
    """Smoothed numbers: a line now and then, a row of the log now and then, a curve at the end."""

    def __init__(
        self,
        stage: str,
        clock: Clock,
        rows: list[dict] | None = None,
        sums: dict[str, Tensor] | None = None,
        weight: float = 0.0,
        next_row: float = 0.0,
    ) -> None:
        self.stage, self.clock, self.rows = stage, clock, rows or []
        self._sums, self._weight, self._next_row = sums or {}, weight, next_row
        self._printed = time.monotonic()

    def state(self) -> dict:
        """What a later run needs to go on with the same curve."""
        return dict(rows=self.rows, sums=self._sums, weight=self._weight, next_row=self._next_row)

    def add(self, numbers: dict[str, Tensor]) -> None:
        """Stays on the device: no waiting for the GPU at every step."""
        for name, value in numbers.items():
            old = self._sums.get(name, torch.zeros_like(value))
            self._sums[name] = SMOOTHING * old + (1 - SMOOTHING) * value.detach()
        self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
        if self.clock.progress >= self._next_row:
            self._next_row = self.clock.progress + 1 / CURVE_POINTS
            seconds = round(self.clock.seconds, 2)
            progress = dict(step=self.clock.steps, seconds=seconds, progress=self.clock.progress)
            self.rows.append(progress | self._values())
        if time.monotonic() - self._printed > REPORT_EVERY:
            self._printed = time.monotonic()
            left = readable(self.clock.seconds_left)
            print(f"{self.stage} step {self.clock.steps}: {self.line()}; {left} left", flush=True)

    def _values(self) -> dict[str, float]:
        return {name: value.item() / self._weight for name, value in self._sums.items()}

    def line(self) -> str:
        parts = [f"{name} {value:.4g}" for name, value in self._values().items()]
        if self.clock.steps > 1 and self.clock.seconds > 0:
            parts.append(f"{self.clock.steps / self.clock.seconds:.3g} steps/s")
        return ", ".join(parts)

    def write(self, workspace: Workspace) -> None:
        if not self.rows:
            return
        with open(workspace.log(self.stage), "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)
        name = list(self.rows[0])[3]
        points = [(row["step"], row[name]) for row in self.rows]
        pictures.curve(points, f"{self.stage}: {name}", workspace.picture(f"{self.stage}-curve"))


def working_type(device: str) -> torch.dtype:
    """bfloat16, or float32 on a processor that would emulate it, where convolutions took thirteen times as long."""
    if device != "cpu":
        return torch.bfloat16
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("bf16") else torch.float32  # x86, Arm


def allow_tf32(config: Config) -> None:
    """For what is left in float32."""
    if config.device == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True


def precision(config: Config) -> AbstractContextManager:
    """The context of a forward pass."""
    bf16 = config.precision == "bf16" and working_type(config.device) == torch.bfloat16
    return torch.autocast(config.device, torch.bfloat16, enabled=bf16)


def compiled(module: nn.Module, config: Config) -> nn.Module:
    """The module, compiled in place if the configuration says so."""
    if config.compile:
        module.compile(dynamic=False)
    return module


def set_rate(optimizers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Scales each group's own rate, which is kept in `base`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("base", group["lr"]) * factor


class Average:
    """Exponential moving average of parameters; short at first, so that the start is forgotten soon."""

    def __init__(self, parameters: list[Tensor], ramp: int) -> None:
        self.parameters, self.ramp = parameters, ramp
        self.values = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def update(self, step: int, decay: float) -> None:
        """After step number `step`, counted from 1."""
        keep = min(decay, step / (step + self.ramp))
        torch._foreach_lerp_(self.values, self.parameters, 1 - keep)

    @torch.no_grad()
    def load(self, values: list[Tensor]) -> None:
        for own, value in zip(self.values, values):
            own.copy_(value)
