"""The training of the judge: its changes of images, its last layer, and that it learns."""

import numpy as np

from synaxial.compute.parallel import use_threads
from synaxial.evaluation.features.judge import features_of
from synaxial.evaluation.judge_training import REACH, Targets, changed, train


def discs(count, seed):
    """Discs of a radius and a grey level: the first is the level, the second the tumour."""
    generator = np.random.default_rng(seed)
    radii, bright = generator.uniform(8, 26, count), generator.random(count) < 0.5
    apart = np.hypot(*(np.indices((64, 64)) - 32))
    greys = np.where(bright, 0.8, 0.4)[:, None, None]
    images = np.where(apart < radii[:, None, None], greys, 0)[:, None].astype(np.float32)
    return images, Targets(np.float32(100 + radii), bright)


def told(judge, images):
    """What a judge tells of images, as `tell` has it."""
    features = features_of(judge.layers, images) / judge.scale
    return features @ judge.weights.T + judge.bias


def test_it_learns_a_level_and_a_tumour():
    images, targets = discs(120, 0)
    unseen, truth = discs(60, 1)
    with use_threads(1):
        judge = train(images, targets, 60, seed=1)
        again = train(images, targets, 3, seed=1)
        same = train(images, targets, 3, seed=1)
        other = train(images, targets, 3, seed=2)
    found = told(judge, unseen)
    constant = np.abs(truth.level - np.median(targets.level)).mean()
    assert np.abs(found[:, 0] - truth.level).mean() < 0.5 * constant
    wins = found[truth.tumour, 1][:, None] > found[~truth.tumour, 1]
    assert wins.mean() > 0.7
    np.testing.assert_array_equal(told(again, unseen), told(same, unseen))
    assert np.abs(told(again, unseen) - told(other, unseen)).max() > 1e-3


def test_without_tumours_the_second_output_says_nothing():
    images, targets = discs(40, 0)
    with use_threads(1):
        judge = train(images, Targets(targets.level, None), 5, seed=1)
    np.testing.assert_array_equal(told(judge, images)[:, 1], 0)
    assert np.ptp(told(judge, images)[:, 0]) > 0


def test_changed_images_are_mirrored_moved_and_brightened():
    image = np.random.default_rng(0).random((64, 64)).astype(np.float32) + 0.5
    image[:8] = image[-8:] = image[:, :8] = image[:, -8:] = 0
    many = np.repeat(image[None, None], 60, axis=0)
    made = changed(many, np.random.Generator(np.random.PCG64(1)))[:, 0]
    found = set()
    for each in made:
        (flip, down, right), factor = find_change(image, each)
        found.add((flip, down, right))
        assert 0.9 <= factor <= 1.1
    assert len(found) > 30
    assert {flip for flip, *_ in found} == {False, True}
    moves = [move for _, *both in found for move in both]
    assert (min(moves), max(moves)) == (-REACH, REACH)


def find_change(image, changed_image):
    """Return which change of an image gives another one, and the factor of its brightness."""
    for flip in (False, True):
        for down in range(-REACH, REACH + 1):
            for right in range(-REACH, REACH + 1):
                moved = np.roll(image[:, ::-1] if flip else image, (down, right), (0, 1))
                factor = changed_image.sum() / moved.sum()
                if np.allclose(factor * moved, changed_image, atol=1e-4):
                    return (flip, down, right), factor
    raise AssertionError("no such change")
