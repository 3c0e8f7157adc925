"""The name of a model, which stands for everything that its weights depend on."""

import hashlib
import json
from typing import Any

from synaxial.config.model import Training

#: Raise it when the same settings and data give other weights, or when a checkpoint's content
#: changes its meaning: trainings then start afresh. Raise the command's `VERSION` too. Rounding
#: does not count: it differs from one type of processor to the next, too.
VERSION = 1

#: The same for trainings of a coarse generator, without and with masks, and of an up-sampler alone.
COARSE_VERSION = 2
COARSE_WITH_MASKS_VERSION = 3
UPSAMPLER_VERSION = 5
#: The same for how full images are made of small ones, by which some trainings choose a generator.
ENLARGING_VERSION = 3


#: Settings that do not change the weights, or that have another name in the record below.
OUTSIDE = {"epochs", "preset"}
#: Settings of the one and of the other architecture.
OF_DCGAN = {"generator", "discriminator", "initial_deviation", "batch_normalization_statistics"}
OF_COARSE_TO_FINE = {"architecture", "coarse", "upsampler"}


def fingerprint_of(
    training: Training,
    dataset_sha256: str,
    held_out_sha256: str = "",
    masks_sha256: str = "",
    upsampler_sha256: str = "",
    labels_sha256: str = "",
) -> str:
    """Return 16 hexadecimal digits that name a model.

    They depend on the images, the held-out images, the masks and the labels of the images (if the
    training uses them), all settings of the networks, loss, optimizer and seed, and `VERSION`. The
    up-sampler counts only if the training chooses its generator by full images. The number of
    epochs is left out, so that more epochs extend a training. So are ranks and device, so that a
    training can be resumed elsewhere.
    """
    left_out = OUTSIDE | (OF_COARSE_TO_FINE if training.architecture == "dcgan" else OF_DCGAN)
    if training.is_coarse_to_fine:
        left_out = left_out | {"upsampler"}
    if not training.variation.used:
        left_out = left_out | {"variation"}
    if not training.conditions:
        left_out = left_out | {"conditions"}
    chosen_by = {"upsampler": upsampler_sha256, "enlarging": ENLARGING_VERSION}
    return digest_of(
        {
            "version": version_of(training),
            "dataset": dataset_sha256,
            "held_out": held_out_sha256,
            "masks": masks_sha256,
            "training": training.model_dump(mode="json", exclude=left_out),
            **(chosen_by if upsampler_sha256 else {}),
            **({"labels": labels_sha256} if labels_sha256 else {}),
        }
    )


def version_of(training: Training) -> int:
    """Return the version of a training of images."""
    if training.architecture == "dcgan":
        return VERSION
    return COARSE_WITH_MASKS_VERSION if training.masks else COARSE_VERSION


def upsampler_fingerprint_of(training: Training, dataset_sha256: str) -> str:
    """Return the name of an up-sampler, which does not depend on the coarse generator's training.

    It depends on the number of epochs: the learning rate falls towards the end.
    """
    return digest_of(
        {
            "version": UPSAMPLER_VERSION,
            "part": "upsampler",
            "dataset": dataset_sha256,
            # It never sees masks. Without this, all names would be others than in earlier versions.
            "masks": "",
            "seed": training.seed,
            "settings": training.upsampler.model_dump(mode="json"),
        }
    )


def digest_of(named: dict[str, Any]) -> str:
    """Return 16 hexadecimal digits for a record."""
    text = json.dumps(named, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
