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
        {"seeds": [2]},
        {"batch_size": 16},
        {"loss": "mse"},
        {"optimizer": {"alpha": 0.001}},
        {"generator": {"dropout": 0}},
        {"discriminator": {"noise": 0}},
        {"latent": {"size": 100}},
        {"moving_average_images": 10},
        {"batch_normalization_statistics": "synchronised"},
    ],
)
def test_what_changes_the_weights_changes_the_name(differences):
    assert fingerprint_of(training(**differences), "d") != fingerprint_of(training(), "d")


def test_other_data_are_another_model():
    assert fingerprint_of(training(), "d") != fingerprint_of(training(), "e")


def test_the_fingerprint_has_all_code_that_computes():
    from pathlib import Path

    from synaxial import functions
    from synaxial.train.fingerprint import MODULES

    modules = {path.stem for path in Path(functions.__file__).parent.glob("*.py")}
    # Where memory comes from changes no value.
    computing = {f"synaxial.functions.{name}" for name in modules - {"__init__", "memory"}}
    assert computing <= set(MODULES)
