"""What images are made from: heads along the levels, and the way from one image to another."""

from pathlib import Path

import numpy as np
import pytest

from synaxial.config.model import Latent, Request, Sample
from synaxial.data.dataset.labels import LEVEL, SIDE, SIZE, TUMOUR
from synaxial.gan.image_inputs import along_arc, head, interpolation
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.randomness import SAMPLE, ImageRandomness, draw_latents
from synaxial.io.errors import SynaxialError

PATH = Path("generator.npz")
LATENT = Latent(size=32, distribution="normal")
SETTINGS = Sample(seed=3, images=20)


@pytest.fixture(scope="module")
def conditions():
    """Levels 60 to 107, with tumours of 10 to 40 mm on both sides."""
    rng = np.random.default_rng(0)
    labels = np.zeros((960, 4), np.float32)
    labels[:, LEVEL] = np.repeat(np.arange(60, 108), 20)
    labels[::2, TUMOUR] = 1
    labels[::2, SIDE] = rng.choice([-1, 1], 480)
    labels[::2, SIZE] = rng.uniform(10, 40, 480)
    return Conditions(("level", "tumour"), labels)


def head_of(conditions, levels=(60, 107), **asked):
    return head(conditions, SETTINGS, 2, PATH, levels, Request(**asked) if asked else None)


def test_a_head_has_one_latent_and_one_noise_at_all_levels(conditions):
    inputs = head_of(conditions, (70, 75))
    assert list(inputs.names) == [(SAMPLE, 3, 2, 0)] * 6
    assert inputs.latents is None
    assert inputs.detail_of == 3
    np.testing.assert_array_equal(inputs.labels[:, LEVEL], range(70, 76))
    np.testing.assert_array_equal(inputs.labels[:, TUMOUR:], 0)
    assert inputs.descriptions[1] == {
        "image": 0,
        "series": "head",
        "asked": {"level": 71.0, "tumour": False},
    }


def test_the_tumour_of_a_head_is_a_ball_in_the_middle(conditions):
    labels = head_of(conditions, (60, 106), tumour="left", size=[20, 30]).labels
    diameter = labels[23, SIZE]
    assert 20 <= diameter <= 30
    assert np.all(labels[labels[:, TUMOUR] > 0, SIDE] == 1)
    # The ball's height is its diameter; the caps of less than 3 mm are left out.
    with_tumour = labels[:, TUMOUR] > 0
    assert abs(with_tumour.sum() - diameter) < 3
    ten_above = labels[33, SIZE]
    assert ten_above == pytest.approx(np.sqrt(max(diameter**2 - 4 * 10**2, 0)), abs=1e-4)
    np.testing.assert_array_equal(labels[:, SIZE], labels[::-1, SIZE])
    np.testing.assert_array_equal(labels[~with_tumour, TUMOUR:], 0)


@pytest.mark.parametrize("levels", [(59, 70), (60, 108), (80, 70)])
def test_levels_outside_the_training_are_refused(conditions, levels):
    with pytest.raises(SynaxialError, match=r"--levels: is .* of generator\.npz: 60\.\.107"):
        head_of(conditions, levels)


def test_a_head_needs_levels():
    with pytest.raises(SynaxialError, match=r"cannot be asked for levels; .* \[level\]"):
        head_of(Conditions(()))


def test_a_tumour_that_the_training_has_not_seen_is_refused(conditions):
    with pytest.raises(SynaxialError, match="had no such slice"):
        head_of(conditions, tumour="left", size=[70, 80])


def latents_of(*images):
    return draw_latents(
        ImageRandomness(np, [(SAMPLE, 3, 2, image) for image in images]), len(images), LATENT
    )


def test_the_way_goes_from_one_image_to_the_other(conditions):
    inputs = interpolation(conditions, SETTINGS, 2, PATH, LATENT, (4, 17), 5)
    np.testing.assert_allclose(inputs.latents[[0, -1]], latents_of(4, 17), atol=1e-6)
    assert list(inputs.names) == [(SAMPLE, 3, 2, 4)] * 5
    assert inputs.detail_of == 0
    # Without a detour: all steps are equally long, and no latent is short.
    steps = np.linalg.norm(np.diff(inputs.latents, axis=0), axis=1)
    assert steps.max() < 1.2 * steps.min()
    lengths = np.linalg.norm(inputs.latents, axis=1)
    assert lengths.min() > 0.95 * min(lengths[0], lengths[-1])
    np.testing.assert_allclose(inputs.labels[2], inputs.labels[[0, 4]].mean(axis=0), rtol=1e-6)
    about = {"image": 4, "series": "interpolation", "between": [4, 17], "share": 0.25}
    level = round(float(inputs.labels[1, LEVEL]), 2)
    assert inputs.descriptions[1].items() >= about.items()
    assert inputs.descriptions[1]["asked"]["level"] == level
    plain = interpolation(Conditions(()), SETTINGS, 2, PATH, LATENT, (4, 17), 5)
    assert plain.labels is None
    assert plain.descriptions[1] == about
    np.testing.assert_array_equal(plain.latents, inputs.latents)


def test_uniform_latents_go_along_the_straight_line():
    latent = Latent(size=8, distribution="uniform")
    made = interpolation(Conditions(()), SETTINGS, 0, PATH, latent, (0, 1), 3).latents
    np.testing.assert_allclose(made[1], (made[0] + made[2]) / 2, atol=1e-6)


def test_the_way_to_itself_stays():
    point = latents_of(1)[0]
    shares = np.float32([[0], [0.3], [1]])
    np.testing.assert_allclose(along_arc(point, point, shares), np.tile(point, (3, 1)), rtol=1e-5)


@pytest.mark.parametrize("ends", [(0, 20), (-1, 3)])
def test_images_that_the_stack_does_not_have(conditions, ends):
    with pytest.raises(SynaxialError, match="two images of a stack: 0 to 19"):
        interpolation(conditions, SETTINGS, 0, PATH, LATENT, ends, 5)
