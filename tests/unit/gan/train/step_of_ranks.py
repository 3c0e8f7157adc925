"""Makes one optimizer step on all ranks and prints the weights after it, as JSON.

Started by a test under mpiexec. Plain SGD, whose step shows the gradient as it is.
"""

import json

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Optimizer
from synaxial.gan.train.communication import open_communicator, open_world
from synaxial.gan.train.optimizers import make_optimizer


def step(communicator, x):
    """Return the weights after one step of the mean square of a layer's outputs."""
    layer = chainer.links.Linear(5, 3, initialW=chainer.initializers.Constant(0.1))
    settings = Optimizer(name="sgd", learning_rate=0.5, weight_decay=0.001)
    optimizer = make_optimizer(settings, layer, communicator)
    loss = chainer.functions.mean(layer(x) ** 2)
    layer.cleargrads()
    loss.backward()
    optimizer.update()
    return layer.W.array.ravel().tolist()


from mpi4py import MPI  # noqa: E402

communicator, _ = open_communicator(open_world(MPI.COMM_WORLD.size), "cpu")
whole = np.random.default_rng(0).standard_normal((8, 5), np.float32)
mine = np.split(whole, communicator.size)[communicator.rank]
result = {"batch": len(mine), "weights": step(communicator, mine)}
if communicator.size == 1:
    result["of_first_half"] = step(communicator, whole[:4])
if communicator.rank == 0:
    print(json.dumps(result))
