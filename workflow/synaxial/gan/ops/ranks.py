"""Sums over the ranks of a training, in the middle of a network.

They are made in the order of the ranks, on every rank alike: the same numbers give the same bits on
any MPI. Every rank must call them equally often and in the same order; Chainer's order of backward
steps depends on the network alone, so it is the same on all.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer


class Ranks:
    """The ranks that share a batch, each an equal part of it.

    Parameters
    ----------
    world
        MPI's communicator of them.
    """

    def __init__(self, world: Any) -> None:
        self.world = world

    @property
    def size(self) -> int:
        """How many there are."""
        return int(self.world.size)

    def gather(self, array: np.ndarray) -> np.ndarray:
        """Return the arrays of all ranks, which are alike in shape and dtype, one after another."""
        found = np.empty((self.size, *array.shape), array.dtype)
        self.world.Allgather(np.ascontiguousarray(array), found)
        return found

    def sum(self, array: Any) -> Any:
        """Return the sum of the arrays of all ranks; a GPU's goes through the host."""
        xp = chainer.backend.get_array_module(array)
        gathered = self.gather(chainer.backends.cuda.to_cpu(array))
        return xp.asarray(gathered.sum(axis=0, dtype=array.dtype))


@contextmanager
def one_batch(ranks: Ranks | None) -> Iterator[None]:
    """Have batch normalisation take the batches of all ranks as one within the block.

    All ranks must compute the same layers there. Outside it, one of them may use a network alone,
    as it does for a preview.
    """
    with chainer.using_config("synaxial_ranks", ranks):
        yield


def ranks_of_batch() -> Ranks | None:
    """Return the ranks of `one_batch`; None outside it."""
    ranks: Ranks | None = getattr(chainer.config, "synaxial_ranks", None)
    return ranks


class SumOverRanks(chainer.FunctionNode):
    """The sum of the ranks' arrays, differentiable as often as wanted.

    What is differentiated is the sum of the ranks' losses: the gradient of one rank's array is the
    sum of the gradients that all ranks have of the result.
    """

    def __init__(self, ranks: Ranks) -> None:
        super().__init__()
        self.ranks = ranks

    def forward(self, inputs: tuple[Any]) -> tuple[Any]:
        """Add up."""
        return (self.ranks.sum(inputs[0]),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Add the gradients up."""
        return SumOverRanks(self.ranks).apply(gradients)
