"""What a model depends on, as one name."""

import hashlib
import json
from typing import Any

from synaxial.config.model import Training
from synaxial.provenance import code_of

#: Raised when the meaning of a checkpoint's content changes, so that old ones are not resumed.
CHECKPOINT_VERSION = 2

#: The code that the weights depend on; how a training is logged or stopped is not in it.
MODULES = (
    "synaxial.gan.ops.activations",
    "synaxial.gan.ops.augmentation",
    "synaxial.gan.ops.bilinear",
    "synaxial.gan.ops.blocks",
    "synaxial.gan.ops.blur",
    "synaxial.compute.compiled",
    "synaxial.gan.ops.convolution",
    "synaxial.gan.ops.correlation",
    "synaxial.gan.ops.deviation",
    "synaxial.gan.ops.hidden",
    "synaxial.gan.ops.layout",
    "synaxial.gan.ops.nearest",
    "synaxial.gan.ops.noise",
    "synaxial.compute.parallel",
    "synaxial.gan.ops.patches",
    "synaxial.gan.ops.ranks",
    "synaxial.gan.ops.sub_pixel",
    "synaxial.gan.networks.discriminator",
    "synaxial.gan.networks.generator",
    "synaxial.gan.networks.layers",
    "synaxial.gan.networks.randomness",
    "synaxial.gan.networks.upsampling",
    "synaxial.gan.train.adam",
    "synaxial.gan.train.augmentation",
    "synaxial.gan.train.batches",
    "synaxial.gan.train.initial",
    "synaxial.gan.train.losses",
    "synaxial.gan.train.moving_average",
    "synaxial.gan.train.optimizers",
    "synaxial.gan.train.penalties",
    "synaxial.gan.train.updater",
)

#: And that on which it depends what a training keeps that looks at held-out subjects.
MODULES_OF_VALIDATION = (
    "synaxial.evaluation.control_sets",
    "synaxial.evaluation.metrics.pyramid",
    "synaxial.evaluation.metrics.sliced_wasserstein",
    "synaxial.gan.generate",
    "synaxial.gan.train.validation",
)

#: And of a training that has masks.
MODULES_OF_MASKS = ("synaxial.gan.train.masks",)


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
