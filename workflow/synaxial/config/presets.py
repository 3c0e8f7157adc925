"""Settings of a training that go by one name."""

from typing import Any

#: By name: what an experiment with this `preset` has in place of `training`'s.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    # A bounded critic that sees each image by itself, no grid from the up-sampling, and few images
    # made many.
    "modern": {
        "loss": "hinge",
        "moving_average_images": 2000,
        "generator": {"upsampling": "nearest_then_bilinear", "dropout": 0.0, "last_layer": False},
        "discriminator": {
            "activation": "leaky_relu",
            "last_activation": "leaky_relu",
            "batch_normalization": False,
            "spectral_normalization": True,
            "noise": 0.0,
            "blur": True,
            "minibatch_deviation": True,
        },
        # Half of the width, Zhao's square, would hide a whole hemisphere.
        "augmentation": {"target": 0.6, "cutout": 0.25},
        # A critic that is as fast as the generator is soon sure of everything.
        "optimizer": {
            "learning_rate": 0.002,
            "discriminator_learning_rate": 0.0005,
            "beta1": 0.0,
            "beta2": 0.9,
            "weight_decay": 0.0,
        },
    },
}
