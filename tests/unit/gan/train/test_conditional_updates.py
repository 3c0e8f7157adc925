"""A training with conditions: labels of real images, mirror images among them, and refusals."""

import numpy as np
import pytest

from synaxial.config import make_study
from synaxial.data.dataset.labels import SIDE, TUMOUR
from synaxial.gan.networks.saving import network_arrays
from synaxial.gan.train.communication import open_communicator, open_world
from synaxial.gan.train.fingerprint import fingerprint_of
from synaxial.gan.train.inputs import read_labels
from synaxial.gan.train.setup import make_updater
from synaxial.io.errors import SynaxialError

from .conftest import COARSE_TO_FINE, write_dataset, write_index

COUNT = 8


def training_of(**differences):
    settings = {**COARSE_TO_FINE, "conditions": ["level", "tumour"], "batch_size": 4, **differences}
    study = {"training": settings, "experiments": {"tiny": {}}, "resize": {"size": 32}}
    return make_study(study).experiments["tiny"]


def updater_of(**differences):
    """Images whose right half is bright, where the label has the tumour: on the patient's left."""
    images = np.zeros((COUNT, 32, 32), np.uint8)
    images[:, 8:24, 4:28] = 80
    images[:, 8:24, 16:28] = 200
    labels = np.tile(np.float32([60, 1, 1, 20]), (COUNT, 1))
    labels[:, 0] += np.arange(COUNT)
    communicator, device = open_communicator(open_world(1), "cpu")
    return make_updater(training_of(**differences), images, communicator, device, None, labels)


@pytest.mark.parametrize("mirror", [False, True])
def test_the_label_of_a_mirrored_image_names_the_other_side(mirror):
    updater = updater_of(variation={"mirror": mirror})
    sides = []
    for _ in range(4):
        indices = np.arange(COUNT)
        images, labels = updater.real_images(indices), updater.labels_of(indices)
        width = images.shape[-1]
        bright = images[:, 0, :, width // 2 :].sum(axis=(1, 2))
        dark = images[:, 0, :, : width // 2].sum(axis=(1, 2))
        np.testing.assert_array_equal(labels[:, SIDE], np.where(bright > dark, 1, -1))
        np.testing.assert_array_equal(labels[:, 0], 60 + indices)
        sides.append(labels[:, SIDE])
        updater.update()
    assert set(np.unique(sides)) == ({-1, 1} if mirror else {1})


def test_the_critic_sees_no_mirror_images_with_labels_of_the_other_side():
    """Of all kinds of augmentation, a flip alone would exchange the sides."""
    augmentation = {"probability": 1.0, "kinds": ["flip", "intensity"]}
    updater = updater_of(augmentation=augmentation, variation={"mirror": False})
    real = updater.real_images(np.arange(COUNT))
    randomness = np.random.default_rng(0)

    class Numbers:
        def uniform(self, shape):
            return randomness.random(shape, np.float32)

    shown = updater._shown(real, Numbers())
    shown = getattr(shown, "array", shown)
    half = real.shape[-1] // 2
    assert np.all(shown[..., half:].mean((1, 2, 3)) > shown[..., :half].mean((1, 2, 3)))


def test_the_generator_knows_the_labels_and_keeps_them():
    updater = updater_of(variation={"mirror": True}, moving_average_images=20)
    before = network_arrays(updater.networks.generator)["known"].copy()
    for _ in range(3):
        updater.update()
    for network in (updater.networks.generator, updater.networks.average):
        np.testing.assert_array_equal(network_arrays(network)["known"], before)
    known = updater.networks.generator.conditions.known
    assert len(known) == 2 * COUNT
    assert set(known[:, SIDE]) == {-1, 1}
    assert np.all(known[:, TUMOUR] == 1)


def test_an_iteration_scores_real_and_generated_images_as_apart():
    """Each with its own labels' features, also where both are one batch: without R1."""
    found = []
    for r1 in (0.0, 1e-12):
        updater = updater_of(variation={"mirror": False}, r1=r1)
        updater.update()
        assert updater.observed["score_real"] != updater.observed["score_generated"]
        found.append(updater.observed)
    for name, value in found[0].items():
        assert found[1][name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_the_name_of_the_model_depends_on_the_labels():
    names = {
        fingerprint_of(training_of(), "d", labels_sha256="a"),
        fingerprint_of(training_of(), "d", labels_sha256="b"),
        fingerprint_of(training_of(conditions=["level"]), "d", labels_sha256="a"),
        fingerprint_of(training_of(conditions=[]), "d"),
    }
    assert len(names) == 4


def test_a_condition_on_the_tumour_needs_segmentations(tmp_path):
    dataset = write_dataset(tmp_path / "dataset")
    write_index(dataset, tumours=False)
    labels = read_labels(dataset, training_of(conditions=["level"]))
    assert labels.shape[1] == 4
    assert read_labels(dataset, training_of(conditions=[])) is None
    with pytest.raises(SynaxialError, match=r"1 subjects without a segmentation, such as A"):
        read_labels(dataset, training_of())
    lines = (dataset / "index.csv").read_text().splitlines(keepends=True)
    (dataset / "index.csv").write_text("".join(lines[:-1]))
    with pytest.raises(SynaxialError, match=r"names 19 images, but images\.npy holds 20"):
        read_labels(dataset, training_of(conditions=["level"]))


def test_conditions_need_a_coarse_generator():
    with pytest.raises(SynaxialError, match="conditions need architecture: coarse_to_fine"):
        make_study({"training": {"conditions": ["level"]}, "experiments": {"tiny": {}}})
