"""The experiments that a study has without saying so: the paper's, and what goes beyond it."""

from typing import Any

#: By name. `initial` is the paper's first attempt; the others change one thing of `final`, which
#: is all that the paper compares.
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

#: With the recipe that goes beyond the paper.
EXPERIMENTS: dict[str, dict[str, Any]] = {**PAPER_EXPERIMENTS, "modern": {"preset": "modern"}}

#: Of these, what a run without a target trains.
DEFAULT_EXPERIMENTS = ["final"]
