"""Trains some iterations of a study's `tiny` on all ranks; rank 0 writes the weights.

Started by a test, under mpiexec or alone: STUDY DATASET CHECKPOINTS DTYPE OUTPUT. The latents of a
batch are those of one rank, shared out: only so do several ranks compute the same as one.
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
from synaxial.gan.train.session import open_session
from synaxial.gan.train.stopping import Stop

study_path, dataset, checkpoints = map(Path, sys.argv[1:4])
dtype, output = sys.argv[4:]
chainer.global_config.dtype = np.dtype(dtype)
study = read_study(study_path)
training = study.experiments["tiny"]
communicator, device = open_communicator(open_world(MPI.COMM_WORLD.size), "cpu")


def shared_latents(randomness, images, latent):
    of_one = BatchRandomness(np, *randomness.name[:-1], 0)
    whole = draw_latents(of_one, images * communicator.size, latent).astype(dtype)
    return np.split(whole, communicator.size)[communicator.rank].copy()


class Updater(updater.AdversarialUpdater):
    def real_images(self, indices):
        return super().real_images(indices).astype(dtype)


updater.draw_latents = shared_latents
session = open_session(
    training,
    study.monitoring,
    np.load(dataset / "images.npy"),
    checkpoints,
    "f",
    communicator,
    device,
    Stop(training.epochs, np.inf, time.monotonic(), communicator),
)
session.trainer.updater.__class__ = Updater
for _ in range(6):
    session.trainer.updater.update()
networks = session.networks
if communicator.rank == 0:
    arrays = {
        f"{name}/{path}": array
        for name in ("generator", "discriminator")
        for path, array in network_arrays(getattr(networks, name)).items()
    }
    np.savez(output, **arrays)
