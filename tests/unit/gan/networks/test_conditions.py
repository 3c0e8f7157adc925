"""Conditions: labels from an index.csv, what a network sees of them, and mirror images."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Coarse
from synaxial.data.dataset.labels import SIDE, labels_of, mirrored
from synaxial.gan.networks.coarse import CoarseGenerator, Critic
from synaxial.gan.networks.conditions import (
    BUMPS,
    KNOWN,
    Conditions,
    known_labels,
    used,
)
from synaxial.gan.networks.randomness import BatchRandomness, ImageRandomness

F = chainer.functions

ROWS = [
    {"level": "60.0", "tumour_area": "", "tumour_left": ""},
    {"level": "72.5", "tumour_area": "0.0", "tumour_left": "0.5"},
    {"level": "84.0", "tumour_area": "314.159", "tumour_left": "0.75"},
    {"level": "107.0", "tumour_area": "1256.637", "tumour_left": "0.0"},
]
LABELS = labels_of(ROWS)
BOTH = Conditions(("level", "tumour"), LABELS)


def test_labels_of_an_index():
    expected = [[60, 0, 0, 0], [72.5, 0, 0, 0], [84, 1, 0.5, 20], [107, 1, -1, 40]]
    assert LABELS.dtype == np.float32
    np.testing.assert_allclose(LABELS, expected, rtol=1e-5)


def test_features_of_a_level_are_bumps_along_the_levels():
    features = Conditions(("level",), LABELS).features_of(LABELS)
    assert features.shape == (4, BUMPS)
    centres = np.linspace(60, 107, BUMPS)
    distances = (LABELS[:, :1] - centres) / (47 / (BUMPS - 1))
    np.testing.assert_allclose(features, np.exp(-(distances**2) / 2), rtol=1e-4, atol=1e-6)


def test_features_of_a_tumour():
    features = Conditions(("tumour",), LABELS).features_of(LABELS)
    expected = [[0, 0, 0], [0, 0, 0], [1, 0.5, 0.4], [1, -1, 0.8]]
    np.testing.assert_allclose(features, expected, rtol=1e-5)
    assert BOTH.features == BOTH.features_of(LABELS).shape[1] == BUMPS + 3


def test_a_mirror_image_has_its_tumour_on_the_other_side():
    other = mirrored(LABELS)
    np.testing.assert_array_equal(other[:, SIDE], -LABELS[:, SIDE])
    np.testing.assert_array_equal(np.delete(other, SIDE, 1), np.delete(LABELS, SIDE, 1))


@pytest.mark.parametrize("count", [3, KNOWN, 3 * KNOWN])
def test_known_labels_are_spread_over_the_training(count):
    labels = np.arange(4 * count, dtype=np.float32).reshape(count, 4)
    known = known_labels(labels)
    assert known.shape == (KNOWN, 4)
    kept = used(known)
    assert len(kept) == len(np.unique(kept, axis=0)) == min(count, KNOWN)
    assert (kept[0, 0], kept[-1, 0]) == (0, 4 * (count - 1))
    assert np.all(np.diff(kept[:, 0]) > 0)


@pytest.mark.parametrize("subjects", [64, 256])
def test_known_labels_of_many_subjects_have_every_level(subjects):
    labels = np.zeros((subjects * 48, 4), np.float32)
    labels[:, 0] = np.tile(np.arange(60, 108), subjects)
    labels[::5, 1] = 1
    kept = used(known_labels(np.concatenate([labels, mirrored(labels)])))
    levels, counts = np.unique(kept[:, 0], return_counts=True)
    assert len(levels) == 48
    assert np.ptp(counts) <= 2
    assert kept[:, 1].mean() == pytest.approx(0.2, abs=0.02)


@pytest.fixture
def networks():
    settings = Coarse(channels=[8, 6, 4], first_width=16)
    np.random.seed(1)  # noqa: NPY002 -- Chainer's initialisers draw from it
    generator = CoarseGenerator(settings, 5, 1, ["level", "tumour"])
    generator.learn_labels(LABELS)
    return generator, Critic(settings, 1, BOTH.features)


def test_what_is_asked_changes_the_image_and_its_score(networks):
    generator, critic = networks
    latents = np.tile(np.random.default_rng(0).standard_normal((1, 5), np.float32), (4, 1))
    images = generator(latents, labels=LABELS).array
    assert np.abs(images[1:] - images[0]).max(axis=(1, 2, 3)).min() > 1e-3
    same = np.repeat(images[:1], 4, axis=0)
    scores = critic(same, None, generator.conditions.features_of(LABELS)).array
    assert np.abs(np.diff(scores)).min() > 1e-4


def test_the_projection_is_that_of_its_paper(networks):
    """Miyato and Koyama, 2018: the score without conditions plus an inner product."""
    generator, critic = networks
    images = np.random.default_rng(2).standard_normal((4, 1, 16, 16)).astype(np.float32)
    asked = generator.conditions.features_of(LABELS)
    critic.projection.b.array[...] = 0.3
    last = []
    critic.score.forward = lambda h: (
        last.append(h.array) or type(critic.score).forward(critic.score, h)
    )
    plain, given = critic(images).array, critic(images, None, asked).array
    layer = critic.projection
    embedding = asked @ (layer.W.array * layer.scale).T + 0.3
    expected = (embedding * last[0]).sum(axis=1) / np.sqrt(8)
    np.testing.assert_allclose(given - plain, expected, rtol=1e-4, atol=1e-6)


def test_all_weights_of_the_conditions_have_gradients(networks):
    generator, critic = networks
    latents = np.random.default_rng(0).standard_normal((4, 5), np.float32)
    images = generator(latents, BatchRandomness(np, 1), LABELS)
    asked = generator.conditions.features_of(LABELS)
    generator.cleargrads()
    critic.cleargrads()
    F.sum(critic(images, None, asked)).backward()
    assert np.abs(critic.projection.W.grad).min(axis=0).max() > 0
    assert np.abs(generator.mapping[0].W.grad[:, 5:]).max(axis=0).min() > 0
    assert np.abs(generator.connected.W.grad[:, 5:]).max(axis=0).min() > 0


def test_without_labels_an_image_gets_one_of_the_training(networks):
    generator, _ = networks
    latents = np.random.default_rng(0).standard_normal((3, 5), np.float32)
    names = [(1, number) for number in range(3)]
    drawn = generator.conditions.draw(3, ImageRandomness(np, names))
    assert {tuple(label) for label in drawn} <= {tuple(label) for label in LABELS}
    images = generator(latents, ImageRandomness(np, names)).array
    # The same image alone, from its own stream.
    alone = generator(latents[1:2], ImageRandomness(np, names[1:2])).array
    np.testing.assert_allclose(images[1:2], alone, atol=1e-5)
