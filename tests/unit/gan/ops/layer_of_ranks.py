"""Applies one hidden layer to a batch that all ranks share; writes what one rank would have of it.

Started by a test, under mpiexec or alone: ACTIVATION OUTPUT. In float64.
"""

import sys

import numpy as np
from mpi4py import MPI

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.layers import BatchNormalization
from synaxial.gan.ops.hidden import Dropped, HiddenLayer
from synaxial.gan.ops.layout import by_channel
from synaxial.gan.ops.ranks import Ranks, one_batch

F = chainer.functions
SHAPE = (8, 3, 5, 4)

activation, output = sys.argv[1:]
world = MPI.COMM_WORLD
ranks = Ranks(world) if world.size > 1 else None
random = np.random.default_rng(0)


def share(whole):
    return np.split(whole, world.size)[world.rank].copy()


def together(array):
    """The parts of all ranks, as one batch."""
    return np.concatenate(world.allgather(array))


x = share(random.standard_normal(SHAPE) * 2 + 1)
# The gradients differ from image to image, and from rank to rank.
gy, along = (share(random.standard_normal(SHAPE)) for _ in range(2))
kept = share(random.random(SHAPE) >= 0.3)
gamma, beta = random.standard_normal((2, SHAPE[1]))
dropped = Dropped(np.packbits(by_channel(kept), axis=1), 0.3)

found = {}
for name in ("compiled", "composed"):
    layer = HiddenLayer(activation, 0.2, True, None, 2e-5, dropped, ranks)
    inputs = [chainer.Variable(array.copy()) for array in (x, gamma, beta)]
    y = layer.apply(inputs)[0] if name == "compiled" else layer.composed(*inputs)
    first = chainer.grad([y], inputs, [chainer.Variable(gy)])
    found |= {f"{name}/y": together(y.array), f"{name}/x": together(first[0].array)}
    # Each rank has its part of these.
    found[f"{name}/gamma"] = world.allreduce(first[1].array)
    found[f"{name}/beta"] = world.allreduce(first[2].array)

    # A penalty on the gradient, as in improved Wasserstein training.
    y = layer.apply(inputs)[0] if name == "compiled" else layer.composed(*inputs)
    (gx,) = chainer.grad([y], inputs[:1], [chainer.Variable(gy)], enable_double_backprop=True)
    second = chainer.grad([F.sum(gx * gx * along)], inputs[:2])
    found[f"{name}/second/x"] = together(second[0].array)
    found[f"{name}/second/gamma"] = world.allreduce(second[1].array)

link = BatchNormalization(SHAPE[1], dtype=np.float64)
with one_batch(ranks):
    link(chainer.Variable(x), activation, 0.2, None)
found |= {"running/mean": link.avg_mean.copy(), "running/variance": link.avg_var.copy()}
# On its own again, one rank waits for no other.
if world.rank == 0:
    link(chainer.Variable(x), activation, 0.2, None)
    np.savez(output, **found)
