"""Dice coefficients and losses against their formulas, and the losses' gradients."""

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from synaxial.compute.chainer_compatibility import chainer
from synaxial.studies.segment.mask_numbers import bright_masks, contrast, dice, dice_of_people
from synaxial.studies.segment.slices import Slices
from synaxial.studies.segment.unet import cross_entropy, segmentation_loss, soft_dice_loss

from .phantoms import make_discs


def random_masks(seed, shape=(3, 8, 8)):
    random = np.random.default_rng(seed)
    return random.random(shape) < 0.4, random.random(shape) < 0.5


@pytest.mark.parametrize("seed", range(5))
def test_dice_is_the_f1_score_of_the_pixels(seed):
    first, second = random_masks(seed)
    assert dice(first, second) == pytest.approx(f1_score(first.ravel(), second.ravel()))
    assert dice(first, second) == dice(second, first)
    assert dice(first, first) == 1
    assert dice(first, ~first) == 0


def test_dice_of_empty_masks():
    nothing, something = np.zeros((4, 4), np.bool_), np.eye(4, dtype=np.bool_)
    assert math.isnan(dice(nothing, nothing))
    assert dice(nothing, something) == 0


def test_a_persons_slices_are_pooled_and_people_without_a_tumour_left_out():
    found, truth = random_masks(1, (6, 8, 8))
    truth[4:] = False
    slices = Slices(np.zeros(truth.shape, np.uint8), truth, np.array([0, 0, 1, 1, 2, 2]), [*"abc"])
    scores = dice_of_people(found, slices)
    assert list(scores) == ["a", "b"]
    for name, own in {"a": slice(0, 2), "b": slice(2, 4)}.items():
        assert scores[name] == pytest.approx(f1_score(truth[own].ravel(), found[own].ravel()))


def test_the_floors_of_bright_discs():
    discs = make_discs(size=64)
    threshold = dice_of_people(bright_masks(discs.images), discs)
    assert min(threshold.values()) > 0.9
    assert set(dice_of_people(np.zeros_like(discs.masks), discs).values()) == {0}


@pytest.fixture
def values():
    random = np.random.default_rng(3)
    logits = random.normal(0, 3, (2, 1, 4, 4))
    return logits, (random.random(logits.shape) < 0.3).astype(np.float64)


def test_the_losses_are_their_formulas(values):
    z, t = values
    p = 1 / (1 + np.exp(-z))
    entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    overlap = 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    logits = chainer.Variable(z)
    assert float(cross_entropy(logits, t).array) == pytest.approx(entropy)
    assert float(soft_dice_loss(logits, t).array) == pytest.approx(overlap)
    assert float(segmentation_loss(logits, t).array) == pytest.approx(entropy + overlap)


@pytest.mark.parametrize("loss", [cross_entropy, soft_dice_loss, segmentation_loss])
def test_the_losses_gradients(loss, values):
    z, t = values
    logits = chainer.Variable(z)
    loss(logits, t).backward()
    for at in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[at] = 1e-5
        ahead, behind = (float(loss(chainer.Variable(z + s), t).array) for s in (step, -step))
        assert logits.grad[at] == pytest.approx((ahead - behind) / 2e-5, rel=1e-5, abs=1e-8)


def test_extreme_logits_do_not_overflow():
    z = np.array([[[[-1e4, 1e4]]]], np.float32)
    for t, expected in ((np.float32([[[[0, 1]]]]), 0), (np.float32([[[[1, 0]]]]), 1e4 + 2 / 3)):
        assert float(segmentation_loss(chainer.Variable(z), t).array) == pytest.approx(expected)


def test_an_empty_prediction_of_a_batch_without_tumour_has_no_loss():
    z = np.full((2, 1, 4, 4), -100, np.float32)
    loss = segmentation_loss(chainer.Variable(z), np.zeros_like(z))
    assert float(loss.array) == pytest.approx(0, abs=1e-6)


def test_contrast_is_the_area_under_the_roc_curve():
    random = np.random.default_rng(5)
    brain = random.random((20, 20)) < 0.8
    mask = random.random((20, 20)) < 0.3
    image = (random.integers(0, 40, (20, 20)) + 10 * mask).astype(np.uint8)
    expected = roc_auc_score(mask[brain], image[brain])
    assert contrast(image, mask, brain) == pytest.approx(expected)
    assert math.isnan(contrast(image, np.zeros_like(mask), brain))
    assert math.isnan(contrast(image, ~np.zeros_like(mask), brain))
