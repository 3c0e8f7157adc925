"""What a model's name depends on, and what it does not."""

import hashlib
import json

import pytest

from synaxial.config import make_study
from synaxial.gan.train import fingerprint
from synaxial.gan.train.fingerprint import MODULES, MODULES_OF_MASKS, fingerprint_of
from synaxial.provenance import code_of, imports_of


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


#: What the training imports and what changes no weight: where memory comes from, errors, what
#: Chainer misses, the settings' own classes (their values are in the name), and the exchange
#: between ranks, which with its messages and checks is held by tests of its own.
WITHOUT_INFLUENCE = {
    "synaxial.compute.chainer_compatibility",
    "synaxial.config.model",
    "synaxial.io.errors",
    "synaxial.compute.devices",
    "synaxial.gan.ops",
    "synaxial.compute.memory",
    "synaxial.gan.networks",
    "synaxial.gan.train.communication",
}


@pytest.mark.parametrize(
    ("modules", "start"),
    [
        (MODULES, ["synaxial.gan.train.updater", "synaxial.gan.train.initial"]),
        (MODULES + MODULES_OF_MASKS, ["synaxial.gan.train.masks"]),
    ],
)
def test_the_fingerprint_has_all_code_that_computes(modules, start):
    """All that the updater and the networks' start import, and what that imports, and so on."""
    found, to_see = set(), start
    while to_see:
        module = to_see.pop()
        if module not in found and module not in WITHOUT_INFLUENCE - {"synaxial.gan.networks"}:
            found.add(module)
            to_see += imports_of(module)
    assert found - WITHOUT_INFLUENCE <= set(modules)
    assert {"synaxial.gan.train.penalties", "synaxial.gan.ops.blur"} <= found
    assert "synaxial.gan.train.augmentation" in found


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


def test_a_training_without_masks_is_called_what_it_was_before_there_were_any(monkeypatch):
    """Its checkpoints go on: neither the key nor what masks are computed with is in its name."""
    plain = training()
    settings = plain.model_dump(mode="json", exclude={"epochs", "preset", "masks"})
    named = {
        "version": fingerprint.CHECKPOINT_VERSION,
        "code": [
            hashlib.sha256(code_of(module).encode()).hexdigest() for module in fingerprint.MODULES
        ],
        "dataset": "d",
        "held_out": "",
        "training": settings,
    }
    text = json.dumps(named, sort_keys=True)
    before = fingerprint_of(with_masks(), "d")
    assert fingerprint_of(plain, "d") == hashlib.sha256(text.encode()).hexdigest()[:16]
    monkeypatch.setattr(fingerprint, "MODULES_OF_MASKS", ("synaxial.io.files",))
    assert fingerprint_of(plain, "d") == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert fingerprint_of(with_masks(), "d") != before
