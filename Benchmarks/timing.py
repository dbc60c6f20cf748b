"""Taking turns: A B C A B C …, so that a slow moment of the machine falls on everyone alike."""

import statistics
import time


def interleave(contestants, rounds, warmup=2, pause=0.02):
    """Calls each contestant in turn; it returns its seconds.

    The pause lets the threads of the one before go to sleep: most thread pools spin for a while when they are done.
    Returns {name: [seconds of each round]}.
    """
    times = {name: [] for name in contestants}
    for turn in range(warmup + rounds):
        for name, run in contestants.items():
            time.sleep(pause)
            seconds = run()
            if turn >= warmup:
                times[name].append(seconds)
    return times


def timed(body):
    """A contestant that runs in this process."""

    def run():
        start = time.perf_counter()
        body()
        return time.perf_counter() - start

    return run


def summary(seconds):
    return {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds), "rounds": len(seconds)}


def ratio(theirs, ours):
    """How many times faster ours is: the median over rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(theirs, ours))
