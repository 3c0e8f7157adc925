"""The experiments of a study that names none, and the presets."""

from typing import Any

#: Values that an experiment gets by the name of a preset, over those of `training`.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    # A constrained discriminator that scores each image by itself, upsampling without a grid
    # pattern, and augmentation because there are few images.
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
        # Zhao's square, half of the width, would cover a whole hemisphere.
        "augmentation": {"target": 0.6, "cutout": 0.25},
        # With the same rate, the discriminator soon becomes certain about every image.
        "optimizer": {
            "learning_rate": 0.002,
            "discriminator_learning_rate": 0.0005,
            "beta1": 0.0,
            "beta2": 0.9,
            "weight_decay": 0.0,
        },
    },
}

#: The paper's experiments by name. `initial` is its first attempt. Each of the others changes one
#: thing of `final`, and the paper compares nothing else.
PAPER_EXPERIMENTS: dict[str, dict[str, Any]] = {
    "final": {},
    "initial": {"batch_size": 64, "latent": {"size": 100}, "generator": {"dropout": 0.0}},
    "relu": {"generator": {"activation": "relu"}},
    "no_dropout": {"generator": {"dropout": 0.0}},
    "sgd": {"optimizer": {"name": "sgd"}},
    "mse": {"loss": "mse"},
    "sigmoid_output": {"generator": {"output_activation": "sigmoid"}},
    "d_elu": {"discriminator": {"activation": "elu"}},
    "d_leaky_relu": {"discriminator": {"activation": "leaky_relu"}},
    "d_tanh": {"discriminator": {"last_activation": "tanh"}},
    "batch_16": {"batch_size": 16},
    "batch_64": {"batch_size": 64},
    "learning_rate_0.001": {"optimizer": {"learning_rate": 0.001}},
    "learning_rate_0.005": {"optimizer": {"learning_rate": 0.005}},
    "latent_100": {"latent": {"size": 100}},
    "latent_256": {"latent": {"size": 256}},
    "epochs_150": {"epochs": 150},
    "no_last_layer": {"generator": {"last_layer": False}},
}

#: All experiments of a study that names none.
EXPERIMENTS: dict[str, dict[str, Any]] = {**PAPER_EXPERIMENTS, "modern": {"preset": "modern"}}

#: Those of them that a run without a target trains.
DEFAULT_EXPERIMENTS = ["final"]
