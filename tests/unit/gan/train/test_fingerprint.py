"""What a model's name depends on, and what it does not."""

import pytest

from synaxial.config import make_study
from synaxial.gan.train import fingerprint
from synaxial.gan.train.fingerprint import fingerprint_of


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
        {"optimizer": {"learning_rate": 0.001}},
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


def test_another_version_is_another_model(monkeypatch):
    before = fingerprint_of(training(), "d")
    monkeypatch.setattr(fingerprint, "VERSION", 0)
    assert fingerprint_of(training(), "d") != before


def test_other_held_out_images_are_another_model():
    assert fingerprint_of(training(), "d", "h") != fingerprint_of(training(), "d", "i")


def with_masks(**differences):
    generator = {"channels": [8, 8, 8, 8, 8, 8, 2]}
    return training(masks=True, generator=generator, **differences)


def test_other_masks_are_another_model():
    names = {
        fingerprint_of(with_masks(), "d", masks_sha256="m"),
        fingerprint_of(with_masks(), "d", masks_sha256="n"),
        fingerprint_of(training(), "d"),
    }
    assert len(names) == 3
