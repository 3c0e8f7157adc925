"""Runs on two ranks, and prints as JSON what each of them then has.

Started by a test under mpiexec: STUDY DATASET CHECKPOINTS. First every rank makes one optimizer
step, with plain SGD, whose step shows the gradient; then it trains a few iterations.
"""

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config import read_study
from synaxial.config.model import Optimizer
from synaxial.data.dataset.reading import open_images
from synaxial.gan.networks.randomness import TRAINING, BatchRandomness
from synaxial.gan.networks.saving import digest_of
from synaxial.gan.train.communication import open_communicator, open_world
from synaxial.gan.train.inputs import Inputs
from synaxial.gan.train.optimizers import make_optimizer
from synaxial.gan.train.setup import make_session
from synaxial.gan.train.stopping import Stop


def step(ranks, x):
    """Return the weights after one step of the mean square of a layer's outputs."""
    layer = chainer.links.Linear(5, 3, initialW=chainer.initializers.Constant(0.1))
    settings = Optimizer(name="sgd", learning_rate=0.5, weight_decay=0.001)
    optimizer = make_optimizer(settings, layer, ranks)
    loss = chainer.functions.mean(layer(x) ** 2)
    layer.cleargrads()
    loss.backward()
    optimizer.update()
    return layer.W.array.ravel().tolist()


study_path, dataset, checkpoints = map(Path, sys.argv[1:])
communicator, device = open_communicator(open_world(2), "cpu")
one = SimpleNamespace(size=1)
whole = np.random.default_rng(0).standard_normal((8, 5), np.float32)
steps = {
    "two_ranks": step(communicator, np.split(whole, 2)[communicator.rank]),
    "one_rank": step(one, whole),
    "first_half": step(one, whole[:4]),
}

study = read_study(study_path)
training = study.experiments["tiny"]
inputs = Inputs(training, study.monitoring, open_images(dataset / "images.npy"), "f")
stop = Stop(inputs.iterations, np.inf, time.monotonic(), communicator)
session = make_session(inputs, communicator, device, checkpoints, stop)
session.trainer.run()
networks = session.networks
mine = {
    "step": steps,
    "networks": [
        digest_of(network)
        for network in (networks.generator, networks.discriminator, networks.smoothed)
    ],
    "images": session.trainer.updater.get_iterator("main").next().tolist(),
    "latent": float(
        BatchRandomness(np, TRAINING, training.seed, 0, communicator.rank).normal((1,))[0]
    ),
}
everyones = communicator.mpi_comm.gather(mine)
if communicator.rank == 0:
    print(json.dumps(everyones))
