"""Trains some iterations of each study in a folder on all ranks; rank 0 writes the weights.

Started by a test, under mpiexec or alone: FOLDER. A study's file is NAME_DTYPE.yaml, its weights
NAME_DTYPE_RANKS.npz. The latents of a batch are those of one rank, shared out: only so do several
ranks compute the same as one.
"""

import sys
import time
from pathlib import Path

import numpy as np
from mpi4py import MPI

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config import read_study
from synaxial.gan.networks.randomness import BatchRandomness, draw_latents
from synaxial.gan.networks.saving import network_arrays
from synaxial.gan.train import updater
from synaxial.gan.train.communication import open_communicator, open_world
from synaxial.gan.train.inputs import Inputs
from synaxial.gan.train.setup import make_session
from synaxial.gan.train.stopping import Stop

communicator, device = open_communicator(open_world(MPI.COMM_WORLD.size), "cpu")


def shared_latents(randomness, images, latent):
    of_one = BatchRandomness(np, *randomness.name[:-1], 0)
    whole = draw_latents(of_one, images * communicator.size, latent)
    whole = whole.astype(chainer.global_config.dtype)
    return np.split(whole, communicator.size)[communicator.rank].copy()


class Updater(updater.AdversarialUpdater):
    def real_images(self, indices):
        return super().real_images(indices).astype(chainer.global_config.dtype)


def train(folder, name, dtype):
    chainer.global_config.dtype = np.dtype(dtype)
    study = read_study(folder / f"{name}_{dtype}.yaml")
    training = study.experiments["tiny"]
    images = np.load(folder / "dataset" / "images.npy")
    inputs = Inputs(training, study.monitoring, images, "f")
    stop = Stop(inputs.iterations, np.inf, time.monotonic(), communicator)
    session = make_session(inputs, communicator, device, folder, stop)
    session.trainer.updater.__class__ = Updater
    for _ in range(6):
        session.trainer.updater.update()
    if communicator.rank == 0:
        arrays = {
            f"{part}/{path}": array
            for part in ("generator", "discriminator")
            for path, array in network_arrays(getattr(session.networks, part)).items()
        }
        np.savez(folder / f"{name}_{dtype}_{communicator.size}.npz", **arrays)


updater.draw_latents = shared_latents
folder = Path(sys.argv[1])
for path in sorted(folder.glob("*_float*.yaml")):
    name, _, dtype = path.stem.rpartition("_")
    # One image per rank cannot be normalised alone.
    if not (name == "local" and communicator.size == 4):
        train(folder, name, dtype)
