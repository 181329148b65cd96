"""Times several ways of doing the same alternately, each in a process of its own.

A process of its own gives each the number of threads that suits it, keeps the thread
pools of different libraries apart, and has a peak of memory of its own.
"""

import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import NamedTuple

# TensorFlow reads this when it is first imported; processes that are started inherit it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class Run(NamedTuple):
    """Something to time.

    call: does it.
    scale: factor for the seconds of a call that does the same several times, or only a
        part of it.
    """

    call: Callable[[], object]
    scale: float = 1.0


# Makes the runs of a subject by name, within its process.
Subject = Callable[[], Mapping[str, Run]]


class Worker:
    """A process with the runs of one subject, which it times on request."""

    def __init__(self, name: str, subject: Subject):
        self._name = name
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, subject), daemon=True)
        self._process.start()
        theirs.close()

    def seconds(self, run: str) -> float:
        """How long a run takes."""
        self._connection.send(run)
        try:
            return self._connection.recv()
        except EOFError:
            raise RuntimeError(f"{run}: the process of {self._name} ended") from None

    def close(self) -> float:
        """End the process; its peak of memory in MiB."""
        self._connection.send(None)
        peak = self._connection.recv()
        self._process.join()
        return peak


class Seconds(NamedTuple):
    """Of several calls; columns of the tables."""

    median_s: float
    fastest_s: float
    slowest_s: float


def interleaved(workers: Mapping[str, Worker], run: str, repeats: int) -> dict[str, Seconds]:
    """Seconds of each subject over rounds A B A B, after a call to compile.

    Whatever slows the machine for a while then slows all of them.
    """
    for worker in workers.values():
        worker.seconds(run)
    rounds = [
        {name: worker.seconds(run) for name, worker in workers.items()} for _ in range(repeats)
    ]
    taken = {name: [one[name] for one in rounds] for name in workers}
    return {
        name: Seconds(statistics.median(all_), min(all_), max(all_)) for name, all_ in taken.items()
    }


def _serve(connection: Connection, subject: Subject) -> None:
    runs = subject()
    while (name := connection.recv()) is not None:
        run = runs[name]
        start = time.perf_counter()
        run.call()
        connection.send((time.perf_counter() - start) * run.scale)
    # Linux counts in KiB.
    connection.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
