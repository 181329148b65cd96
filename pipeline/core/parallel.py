"""How many things TensorFlow computes side by side, and how work is cut for that."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import tensorflow as tf

# Models whose compiled functions are kept; older ones are dropped with their models.
COMPILED = 16

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


def use_threads(count: int) -> None:
    """Compute `count` things side by side; call before TensorFlow computes anything.

    A batch is cut into `count` parts (`fused.in_parts`, `side_by_side`), and each operation
    has one thread: splitting operations as small as a step of the network costs more than
    it saves. Another count changes the order of summation, and so the last bits.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def threads() -> int:
    """The number that `use_threads` has set, or one."""
    return tf.config.threading.get_inter_op_parallelism_threads() or 1


def side_by_side(compute: Callable[[Chunk], Result], chunks: Iterable[Chunk]) -> list[Result]:
    """The results of `compute` for all chunks, in their order, by `threads()` threads."""
    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(compute, chunks))
