"""Sums over the ranks of a training, within a network.

Every rank adds in the order of the ranks, so the same numbers give the same bits with any MPI. All
ranks must call these functions in the same order. They do, because Chainer's order of backward
steps depends on the network alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.ops.linear import linear


class Ranks:
    """The ranks that share a batch in equal parts; `world` is their MPI communicator."""

    def __init__(self, world: Any) -> None:
        self.world = world

    @property
    def size(self) -> int:
        """The number of ranks."""
        return int(self.world.size)

    def gather(self, array: np.ndarray) -> np.ndarray:
        """Return the arrays of all ranks, of equal shape and dtype, along a new first axis."""
        found = np.empty((self.size, *array.shape), array.dtype)
        self.world.Allgather(np.ascontiguousarray(array), found)
        return found

    def sum(self, array: Any) -> Any:
        """Return the sum of the arrays of all ranks; those of GPUs go through the host."""
        xp = chainer.backend.get_array_module(array)
        gathered = self.gather(chainer.backends.cuda.to_cpu(array))
        return xp.asarray(gathered.sum(axis=0, dtype=array.dtype))


@contextmanager
def one_batch(ranks: Ranks | None) -> Iterator[None]:
    """Within the block, batch normalisation treats the batches of all ranks as one.

    All ranks must compute the same layers there. Outside of it, a rank may use a network alone, for
    instance for a preview.
    """
    with chainer.using_config("synaxial_ranks", ranks):
        yield


def ranks_of_batch() -> Ranks | None:
    """Return the ranks of `one_batch`; None outside it."""
    ranks: Ranks | None = getattr(chainer.config, "synaxial_ranks", None)
    return ranks


def sum_over_ranks(x: Any, ranks: Ranks) -> Any:
    """Return the sum of the ranks' arrays or Variables, differentiable any number of times.

    The gradient is that of the sum of the ranks' losses. So the gradient of one rank's array is the
    sum of all ranks' gradients of the result.
    """
    return linear(x, ranks.sum, ranks.sum)
