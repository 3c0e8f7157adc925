"""What a model depends on, as one name."""

import hashlib
import json
from typing import Any

from synaxial.configuration.model import Training
from synaxial.provenance import code_of

#: Raised when the meaning of a checkpoint's content changes, so that old ones are not resumed.
CHECKPOINT_VERSION = 2

#: The code that the weights depend on; how a training is logged or stopped is not in it.
MODULES = (
    "synaxial.functions.activations",
    "synaxial.functions.augmentation",
    "synaxial.functions.bilinear",
    "synaxial.functions.blocks",
    "synaxial.functions.blur",
    "synaxial.functions.compiled",
    "synaxial.functions.convolution",
    "synaxial.functions.correlation",
    "synaxial.functions.deviation",
    "synaxial.functions.hidden",
    "synaxial.functions.layout",
    "synaxial.functions.nearest",
    "synaxial.functions.noise",
    "synaxial.functions.parallel",
    "synaxial.functions.patches",
    "synaxial.functions.ranks",
    "synaxial.functions.sub_pixel",
    "synaxial.networks.discriminator",
    "synaxial.networks.generator",
    "synaxial.networks.layers",
    "synaxial.networks.randomness",
    "synaxial.networks.upsampling",
    "synaxial.train.adam",
    "synaxial.train.augmentation",
    "synaxial.train.batches",
    "synaxial.train.initial",
    "synaxial.train.losses",
    "synaxial.train.moving_average",
    "synaxial.train.optimizers",
    "synaxial.train.penalties",
    "synaxial.train.updater",
)

#: And that on which it depends what a training keeps that looks at held-out subjects.
MODULES_OF_VALIDATION = (
    "synaxial.control.sets",
    "synaxial.metrics.pyramid",
    "synaxial.metrics.sliced_wasserstein",
    "synaxial.sample.generate",
    "synaxial.train.validation",
)

#: And of a training that has masks.
MODULES_OF_MASKS = ("synaxial.train.masks",)


def fingerprint_of(
    training: Training, dataset_sha256: str, held_out_sha256: str = "", masks_sha256: str = ""
) -> str:
    """Return 16 hexadecimal digits that name a model.

    Data (with the masks of a training that has them, and with the held-out subjects' if it looks at
    them), networks, loss, optimizer, batch size, seed and the code that uses them are in it. The
    number of epochs is not, so that more epochs extend a training; nor are ranks and device, so
    that one can go on elsewhere.
    """
    modules = MODULES + (MODULES_OF_VALIDATION if training.validated else ())
    modules += MODULES_OF_MASKS if training.masks else ()
    named: dict[str, Any] = {
        "version": CHECKPOINT_VERSION,
        "code": [hashlib.sha256(code_of(module).encode()).hexdigest() for module in modules],
        "dataset": dataset_sha256,
        "held_out": held_out_sha256,
        "training": training.model_dump(mode="json", exclude={"epochs", "preset"}),
    }
    # Trainings without masks keep the names that they had before there were any.
    if training.masks:
        named["masks"] = masks_sha256
    else:
        del named["training"]["masks"]
    text = json.dumps(named, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
