"""What a model's name depends on, and what it does not."""

import pytest

from synaxial.configuration import make_study
from synaxial.train.fingerprint import fingerprint_of


def training(**differences):
    return make_study({"experiments": {"one": differences}}).experiments["one"]


def test_more_epochs_are_the_same_model():
    assert fingerprint_of(training(epochs=5), "d") == fingerprint_of(training(epochs=9), "d")


@pytest.mark.parametrize(
    "differences",
    [
        {"seed": 2},
        {"batch_size": 16},
        {"loss": "mse"},
        {"optimizer": {"alpha": 0.001}},
        {"generator": {"dropout": 0}},
        {"discriminator": {"noise": 0}},
        {"latent": {"size": 100}},
        {"moving_average_images": 10},
    ],
)
def test_what_changes_the_weights_changes_the_name(differences):
    assert fingerprint_of(training(**differences), "d") != fingerprint_of(training(), "d")


def test_other_data_are_another_model():
    assert fingerprint_of(training(), "d") != fingerprint_of(training(), "e")
