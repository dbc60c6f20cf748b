"""How long to train: in seconds, to fit a machine's time, or in steps, to be repeated exactly."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    amount: float
    unit: str  # "s" or "steps"

    @classmethod
    def parse(cls, text: str) -> Budget:
        """ "900 s", "15 min", "2 h" or "40 steps"."""
        match = re.fullmatch(r"\s*([\d.]+)\s*(s|min|h|steps)\s*", text)
        if not match:
            raise ValueError(f'"{text}" is no budget; write "900 s", "15 min", "2 h" or "40 steps"')
        amount, unit = float(match[1]), match[2]
        return cls(amount, "steps") if unit == "steps" else cls(amount * UNITS[unit], "s")

    def __add__(self, other: Budget) -> Budget:
        return Budget(self.amount + other.amount, self.unit)


class Clock:
    """Steps done and time spent, over all the runs of a stage. The first step of a run, which compiles, is free.

    `until`, in Unix time, cuts a budget of seconds to what is left when training begins; 0: it does not.
    """

    def __init__(self, budget: Budget, steps: int = 0, seconds: float = 0.0, until: float = 0.0) -> None:
        self.budget, self.steps, self.until = budget, steps, until
        self._before, self._start = seconds, None

    @property
    def seconds(self) -> float:
        return self._before + (0.0 if self._start is None else time.monotonic() - self._start)

    @property
    def passed(self) -> float:
        """In the budget's unit."""
        return float(self.steps) if self.budget.unit == "steps" else self.seconds

    @property
    def progress(self) -> float:
        """0 at the start; 1 or more: spent."""
        return self.passed / self.budget.amount if self.budget.amount > 0 else 1.0

    @property
    def seconds_left(self) -> float | None:
        if self.budget.unit == "s":
            return max(0.0, self.budget.amount - self.seconds)
        return (
            self.seconds / self.steps * (self.budget.amount - self.steps) if self.steps > 1 and self.seconds else None
        )

    def tick(self) -> None:
        self.steps += 1
        if self._start is None:
            self._start = time.monotonic()
            if self.until and self.budget.unit == "s":
                self.budget = Budget(min(self.budget.amount, self._before + self.until - time.time()), "s")

    def state(self) -> dict:
        return dict(steps=self.steps, seconds=self.seconds)


def readable(seconds: float | None) -> str:
    """ "2 h 05 min", "7 min", "42 s"."""
    if seconds is None:
        return "…"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
