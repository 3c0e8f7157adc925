"""What a model's name depends on, and what it does not."""

import pytest

from synaxial.configuration import make_study
from synaxial.provenance import imports_of
from synaxial.train.fingerprint import MODULES, fingerprint_of


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


#: What the training imports and what changes no weight: where memory comes from, errors, what
#: Chainer misses, the settings' own classes (their values are in the name), and the exchange
#: between ranks, which with its messages and checks is held by tests of its own.
WITHOUT_INFLUENCE = {
    "synaxial.chainer_compatibility",
    "synaxial.configuration.model",
    "synaxial.errors",
    "synaxial.devices",
    "synaxial.functions",
    "synaxial.functions.memory",
    "synaxial.networks",
    "synaxial.train.communication",
}


def test_the_fingerprint_has_all_code_that_computes():
    """All that the updater and the networks' start import, and what that imports, and so on."""
    found, to_see = set(), ["synaxial.train.updater", "synaxial.train.initial"]
    while to_see:
        module = to_see.pop()
        if module not in found and module not in WITHOUT_INFLUENCE - {"synaxial.networks"}:
            found.add(module)
            to_see += imports_of(module)
    assert found - WITHOUT_INFLUENCE <= set(MODULES)
    assert {"synaxial.train.penalties", "synaxial.functions.blur"} <= found
