"""Trains a few iterations on every rank and prints, as JSON, what each rank then has.

Started by a test under mpiexec: STUDY DATASET CHECKPOINTS.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from synaxial.config import read_study
from synaxial.data.dataset.reading import open_images
from synaxial.gan.networks.randomness import TRAINING, BatchRandomness
from synaxial.gan.networks.saving import digest_of
from synaxial.gan.train.communication import open_communicator, open_world
from synaxial.gan.train.session import open_session
from synaxial.gan.train.stopping import Stop

study_path, dataset, checkpoints = map(Path, sys.argv[1:])
study = read_study(study_path)
training = study.experiments["tiny"]
communicator, device = open_communicator(open_world(2), "cpu")
stop = Stop(training.epochs, np.inf, time.monotonic(), communicator)
session = open_session(
    training,
    study.monitoring,
    open_images(dataset / "images.npy"),
    checkpoints,
    "f",
    communicator,
    device,
    stop,
)
session.trainer.run()
networks = session.networks
mine = {
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
