"""Images of the same generators on the device and on the CPU."""

from pathlib import Path
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.devices import prepare_alone
from synaxial.compute.parallel import use_threads
from synaxial.config.model import Sample, Training
from synaxial.gan.image_inputs import independent
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.randomness import INITIALISATION, seeded_initialisers
from synaxial.gan.networks.saving import (
    TrainedGenerator,
    calibrate,
    make_generator,
)
from synaxial.gan.sampling import make_pages
from synaxial.studies.gpu_check.results import CheckFailedError, Findings
from synaxial.studies.gpu_check.setting import Setting

#: Images of a stack.
IMAGES = 20

#: The largest part of the pixels that may differ by more than one grey level. The coarse generator
#: decides for each pixel whether it is background: a decision that is near can fall otherwise. No
#: GPU has shown yet how many are.
DIFFERENT = 1e-3

#: The least standard deviation of the grey levels in an image, as a mean over the CPU's images. The
#: paper's networks have 8. Flat images would agree whatever the device does.
LEAST_CONTRAST = 5


def check_sampling(setting: Setting, findings: Findings) -> None:
    """Make a stack of each architecture on both devices, and compare the images."""
    device, threads = prepare_alone(setting.device, None)
    wrong = []
    with use_threads(threads):
        for experiment in setting.study["experiments"]:
            training = setting.training(experiment)
            trained = make_trained(training, setting)
            expected = sample(trained, chainer.get_device("@numpy"))
            found = sample(trained, device)
            apart = np.abs(found.astype(int) - expected)
            part = float((apart > 1).mean())
            contrast = float(expected.std(axis=(1, 2, 3)).mean())
            findings.note(
                f"{experiment}: {part:.0e} of the pixels differ by more than one grey level, the "
                f"largest difference is {apart.max()}, the contrast {contrast:.0f}",
                **{
                    experiment: {"value": part, "limit": DIFFERENT},
                    f"{experiment}_largest": int(apart.max()),
                    f"{experiment}_contrast": {"value": contrast, "least": LEAST_CONTRAST},
                },
            )
            if contrast < LEAST_CONTRAST:
                raise CheckFailedError(f"the images of {experiment} have no contrast")
            if part > DIFFERENT:
                wrong.append(experiment)
    if wrong:
        raise CheckFailedError(f"more than {DIFFERENT:g} of the pixels differ: {', '.join(wrong)}")


def make_trained(training: Training, setting: Setting) -> TrainedGenerator:
    """Make a generator with random weights that makes images with contrast."""
    with seeded_initialisers(INITIALISATION, training.seed):
        network = make_generator(training)
    if training.is_coarse_to_fine:
        network.upsampler.learn_details(setting.images())
    # Normalisation by the statistics of its own images gives them contrast.
    calibrated = calibrate(network, training.latent)
    return TrainedGenerator(network, training.latent, training.masks, {}, calibrated)


def sample(trained: TrainedGenerator, device: Any) -> np.ndarray:
    """Make a stack on a Chainer device: uint8 (images, W, W, 3)."""
    network = trained.with_calibrated_statistics()
    network.to_device(device)
    settings = Sample(images=IMAGES)
    inputs = independent(Conditions(()), settings, 0, Path("generator.npz"))
    return np.stack(list(make_pages(network, trained.latent, settings, inputs)))
