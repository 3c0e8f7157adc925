"""The name of a model, which stands for everything that its weights depend on."""

import hashlib
import json

from synaxial.config.model import Training

#: Raise it when the same settings and data give other weights, or when a checkpoint's content
#: changes its meaning: trainings then start afresh. Raise the command's `VERSION` too.
VERSION = 1


def fingerprint_of(
    training: Training, dataset_sha256: str, held_out_sha256: str = "", masks_sha256: str = ""
) -> str:
    """Return 16 hexadecimal digits that name a model.

    They depend on the images, the held-out images and the masks (if the training uses them), all
    settings of the networks, loss, optimizer and seed, and `VERSION`. The number of epochs is left
    out, so that more epochs extend a training. So are ranks and device, so that a training can be
    resumed elsewhere.
    """
    named = {
        "version": VERSION,
        "dataset": dataset_sha256,
        "held_out": held_out_sha256,
        "masks": masks_sha256,
        "training": training.model_dump(mode="json", exclude={"epochs", "preset"}),
    }
    text = json.dumps(named, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
