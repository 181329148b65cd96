"""Timing several ways of doing the same, in turn."""

import statistics
import time
from collections.abc import Callable, Mapping


def interleaved(
    subjects: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, float]:
    """Median seconds of each subject over rounds A B A B, after one call to compile.

    In turn, so that whatever slows the machine for a while slows all of them.
    """
    for run in subjects.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(repeats):
        for name, run in subjects.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}
