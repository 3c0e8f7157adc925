"""Small generators with random weights that all matter."""

import numpy as np

from synaxial.config.model import Training
from synaxial.gan.networks.saving import (
    TrainedGenerator,
    calibrate,
    load_generator,
    make_generator,
    save_network,
)

COARSE_TO_FINE = {
    "architecture": "coarse_to_fine",
    "latent": {"size": 6},
    "coarse": {"channels": [8, 6, 4], "first_width": 8},
    "upsampler": {"factor": 2, "width": 8},
}
#: The paper's generator, for images of 64 x 64 pixels.
PAPER = {
    "latent": {"size": 6},
    "generator": {"channels": [8, 8, 6, 4, 3]},
    "initial_deviation": 0.3,
}
CONDITIONS = ["level", "tumour"]


def make_trained(path, settings) -> TrainedGenerator:
    """Write a generator to a file, and read it again."""
    training = Training.model_validate(settings)
    np.random.seed(1)  # noqa: NPY002 -- Chainer's initialisers draw from it
    network = make_generator(training)
    random = np.random.default_rng(11)
    for name, parameter in network.namedparams():
        if name.endswith(("/b", "beta", "strengths")):
            parameter.array[...] = random.normal(0, 0.3, parameter.shape)
        if name.endswith("gamma"):
            parameter.array[...] = random.uniform(0.5, 1.5, parameter.shape)
    if training.is_coarse_to_fine:
        network.upsampler.known[...] = random.normal(-2, 1, network.upsampler.known.shape)
    if training.conditions:
        network.coarse.learn_labels(labels_of_training())
    save_network(network, training, path, calibrate(network, training.latent))
    return load_generator(path)


def labels_of_training():
    """Levels of 60 to 99 mm, with a tumour in every other one."""
    labels = np.zeros((40, 4), np.float32)
    labels[:, 0] = np.arange(60, 100)
    labels[::2, 1:] = np.stack([np.ones(20), np.linspace(-1, 1, 20), np.linspace(8, 46, 20)]).T
    return labels
