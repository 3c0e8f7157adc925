"""What a model depends on, as one name."""

import hashlib
import json

from synaxial.configuration.model import Training

#: Raised when the meaning of a checkpoint's content changes, so that old ones are not resumed.
CHECKPOINT_VERSION = 1


def fingerprint_of(training: Training, dataset_sha256: str) -> str:
    """Return 16 hexadecimal digits that name a model.

    Data, networks, loss, optimizer, batch size and seed are in it. The number of epochs is not,
    so that more epochs extend a training; nor are ranks and device, so that one can go on
    elsewhere.
    """
    settings = training.model_dump(mode="json", exclude={"epochs"})
    named = {"version": CHECKPOINT_VERSION, "dataset": dataset_sha256, "training": settings}
    text = json.dumps(named, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
