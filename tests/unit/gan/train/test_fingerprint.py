"""What a model's name depends on, and what it does not."""

import pytest

from synaxial.config import make_study
from synaxial.gan.train import fingerprint
from synaxial.gan.train.fingerprint import fingerprint_of, upsampler_fingerprint_of


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


def test_names_of_the_papers_recipe_stay():
    """New keys must not be part of them: users would lose their checkpoints."""
    final = training()
    elu = training(discriminator={"activation": "elu"}, seeds=[7])
    beyond = training(loss="hinge", augmentation={"target": 0.6})
    assert fingerprint_of(final, "d") == "dac2916dd540e3fe"
    assert fingerprint_of(elu, "d", "h", "m") == "83d0a35630eb1615"
    assert fingerprint_of(beyond, "d") == "8cdae198c3a99848"


def coarse(**differences):
    return training(preset="modern", **differences)


@pytest.mark.parametrize(
    "differences",
    [
        {"coarse": {"width_epochs": 7, "fading_epochs": 7}},
        {"variation": {"tone": 0.3}},
        {"r1": 3},
        {"augmentation": {"cutout": 0.4}},
    ],
)
def test_what_changes_a_coarse_generator_changes_its_name(differences):
    assert fingerprint_of(coarse(**differences), "d") != fingerprint_of(coarse(), "d")


@pytest.mark.parametrize(
    "differences", [{"epochs": 999}, {"generator": {"dropout": 0}}, {"upsampler": {"epochs": 3}}]
)
def test_what_does_not_change_a_coarse_generator(differences):
    assert fingerprint_of(coarse(**differences), "d") == fingerprint_of(coarse(), "d")


def test_the_up_sampler_counts_where_the_generator_is_chosen_by_full_images():
    names = {fingerprint_of(coarse(), "d", "h", "", digest) for digest in ("", "a", "b")}
    assert len(names) == 3


def test_the_way_of_enlarging_counts_there_too(monkeypatch):
    before = [fingerprint_of(coarse(), "d", "h", "", digest) for digest in ("", "a")]
    monkeypatch.setattr(fingerprint, "ENLARGING_VERSION", 0)
    after = [fingerprint_of(coarse(), "d", "h", "", digest) for digest in ("", "a")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False]


@pytest.mark.parametrize(
    ("differences", "same"),
    [
        ({"epochs": 999}, True),
        ({"coarse": {"noise": False}}, True),
        ({"masks": True}, True),
        ({"upsampler": {"epochs": 3}}, False),
        ({"upsampler": {"width": 8}}, False),
        ({"seeds": [2]}, False),
    ],
)
def test_the_name_of_an_up_sampler(differences, same):
    names = [upsampler_fingerprint_of(t, "d") for t in (coarse(), coarse(**differences))]
    assert (names[0] == names[1]) == same


def test_other_data_are_another_model():
    assert fingerprint_of(training(), "d") != fingerprint_of(training(), "e")


@pytest.mark.parametrize(
    ("name", "changed"), [("VERSION", 0), ("COARSE_VERSION", 1), ("COARSE_WITH_MASKS_VERSION", 2)]
)
def test_each_kind_of_training_has_a_version(monkeypatch, name, changed):
    kinds = training(), coarse(), coarse(masks=True)
    before = [fingerprint_of(kind, "d") for kind in kinds]
    monkeypatch.setattr(fingerprint, name, 0)
    after = [fingerprint_of(kind, "d") for kind in kinds]
    assert [i for i in range(3) if before[i] != after[i]] == [changed]


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
