"""The coarse networks: shapes at every width, growth, noise, background, equalised rates."""

import numpy as np
import pytest
from pydantic import ValidationError

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Coarse
from synaxial.data.dataset.labels import LABEL, LEVEL
from synaxial.gan.networks.coarse import (
    CoarseGenerator,
    Critic,
    EqualizedConvolution,
    Growth,
    masked,
    with_mask_of_logits,
)
from synaxial.gan.networks.randomness import BatchRandomness
from synaxial.gan.ops.layout import images_first
from synaxial.gan.ops.resampling import bilinear_upsampling

F = chainer.functions

SETTINGS = Coarse(channels=[8, 6, 4], first_width=8)


def make(settings=SETTINGS, channels=1):
    np.random.seed(1)  # noqa: NPY002 -- Chainer's initialisers draw from it
    return CoarseGenerator(settings, 5, channels), Critic(settings, channels)


def latents(count=4):
    return np.random.default_rng(0).standard_normal((count, 5)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("width", "share"), [(8, 1), (16, 0.3), (16, 1)])
def test_images_and_scores_at_each_width(channels, width, share):
    generator, critic = make(channels=channels)
    generator.growth = critic.growth = Growth(width, share)
    images = generator(latents(), BatchRandomness(np, 1))
    assert images.shape == (4, channels, width, width)
    assert images.dtype == np.float32
    assert critic(images).shape == (4,)


def test_a_new_stage_is_faded_in():
    """At the share 0 the image is the enlarged one of before, at 1 that of the new stage alone."""
    generator, critic = make()
    found = {}
    for share in (0.0, 0.25, 1.0):
        generator.growth = Growth(16, share)
        # The background is a product, so only the parts of the sum before it add up.
        generator.settings = SETTINGS.model_copy(update={"background": False})
        found[share] = generator(latents()).array
    np.testing.assert_allclose(
        found[0.25], 0.75 * found[0.0] + 0.25 * found[1.0], rtol=1e-4, atol=1e-5
    )
    generator.growth = Growth(8)
    small = generator(latents()).array
    np.testing.assert_allclose(found[0.0].mean((2, 3)), small.mean((2, 3)), rtol=1e-4, atol=1e-5)

    images = found[1.0][:, :1]
    pooled = images.reshape(4, 1, 8, 2, 8, 2).mean((3, 5))
    critic.growth = Growth(16, 0.0)
    at_start = critic(images).array
    critic.growth = Growth(8)
    np.testing.assert_allclose(at_start, critic(pooled).array, rtol=1e-4, atol=1e-5)


def test_all_weights_of_the_generator_have_gradients():
    generator, critic = make()
    generator.growth = Growth(16, 0.5)
    for name, parameter in generator.namedparams():
        if name.endswith("strengths"):
            parameter.array[...] = 0.5
    generator.cleargrads()
    F.sum(critic(generator(latents(), BatchRandomness(np, 1)))).backward()
    for name, parameter in generator.namedparams():
        if not name.startswith("/to_images/0/"):  # It is for images of 4 x 4 pixels.
            assert np.abs(parameter.grad).max() > 0, name


def test_noise_changes_an_image_once_its_strengths_are_not_0():
    generator, _ = make()
    images = [generator(latents(), BatchRandomness(np, seed)).array for seed in (1, 2)]
    np.testing.assert_array_equal(*images)
    generator.first.strengths.array[...] = 0.5
    images = [generator(latents(), BatchRandomness(np, seed)).array for seed in (1, 1, 2)]
    np.testing.assert_array_equal(images[0], images[1])
    assert np.abs(images[0] - images[2]).max() > 1e-3


@pytest.mark.parametrize("conditions", [(), ("level",)])
def test_truncation_draws_images_towards_the_average(conditions):
    """From the images of the latents to that of the average style, through those between."""
    np.random.seed(1)  # noqa: NPY002 -- Chainer's initialisers draw from it
    generator = CoarseGenerator(SETTINGS, 5, 1, conditions)
    # As in a trained one, the average is not 0.
    generator.connected.b.array[...] = np.random.default_rng(2).standard_normal(8 * 16)
    labels = np.zeros((4, LABEL), np.float32)
    labels[:, LEVEL] = [60, 60, 90, 90]
    generator.learn_labels(labels) if conditions else None

    def images_at(truncation, of_latents):
        generator.truncation = truncation
        return generator(of_latents, None, labels if conditions else None).array

    whole, half, tiny = (images_at(share, latents()) for share in (1.0, 0.5, 1e-5))
    apart = [np.abs(images - tiny).mean() for images in (whole, half)]
    assert 0 < apart[1] < apart[0]
    # All latents make the same image then, one for each level.
    np.testing.assert_allclose(tiny[[0, 2]], tiny[[1, 3]], atol=1e-3)
    assert (np.abs(tiny[0] - tiny[2]).max() > 0.01) == bool(conditions)
    # An image does not depend on the others.
    np.testing.assert_allclose(images_at(0.5, latents())[:1], half[:1], atol=1e-6)
    inputs = np.random.default_rng(1).standard_normal((20000, 5)).astype(np.float32)
    if not conditions:
        for all_of, average in zip(
            generator.begin(inputs, None), generator.average_beginning(None), strict=True
        ):
            # Six standard errors of 512 latents.
            error = 6 * all_of.array.std(axis=0) / 512**0.5
            assert (np.abs(average.array[0] - all_of.array.mean(axis=0)) < error).all()


def test_background_is_black_whatever_its_texture():
    texture = np.random.default_rng(0).standard_normal((2, 1, 4, 4)).astype(np.float32)
    logits = np.full_like(texture, -50)
    logits[:, :, 2:] = 50
    images = masked(np.concatenate([texture, logits], axis=1)).array
    np.testing.assert_array_equal(images[:, :, :2], -1)
    np.testing.assert_allclose(images[:, :, 2:], texture[:, :, 2:], atol=1e-6)


def test_a_mask_is_a_probability_and_the_image_stays():
    y = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    y[0, 1] = 40
    found = with_mask_of_logits(y).array
    np.testing.assert_array_equal(found[:, [0, 2]], y[:, [0, 2]])
    np.testing.assert_allclose(found[:, 1], 2 / (1 + np.exp(-y[:, 1])) - 1, atol=1e-6)
    np.testing.assert_array_equal(found[0, 1], 1)


def test_masks_are_from_minus_1_to_1():
    generator, _ = make(channels=2)
    generator.to_images[-1].W.array *= 50
    images = generator(latents()).array
    assert np.abs(images[:, 0]).max() > 1
    assert np.abs(images[:, 1]).max() <= 1


def test_the_variance_stays_through_a_convolution():
    """By the factor with which its weights are used; the gain of 2 is for the rectifier."""
    np.random.seed(2)  # noqa: NPY002 -- Chainer's initialisers draw from it
    layer = EqualizedConvolution(64, 64, 3)
    x = np.random.default_rng(0).standard_normal((2, 64, 16, 16)).astype(np.float32)
    assert layer(x).array[:, :, 1:-1, 1:-1].var() == pytest.approx(2, rel=0.1)
    assert layer.W.array.var() == pytest.approx(1, rel=0.05)


def test_a_stage_modulates_and_convolves_then_doubles_the_width():
    generator, _ = make()
    layer = generator.stages[0][0]
    x, style = (
        np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        for shape in ((2, 8, 4, 4), (2, SETTINGS.style))
    )
    modulation = layer.modulation
    factors = 1 + style @ modulation.W.array.T / np.sqrt(SETTINGS.style)
    assert factors.std() == pytest.approx(1, rel=0.3)
    convolution = layer.convolution
    weights = convolution.W.array * np.float32(convolution.scale)
    modulated = x * factors[:, :, None, None].astype(np.float32)
    y = bilinear_upsampling(F.convolution_2d(modulated, weights, convolution.b.array, pad=1)).array
    y = np.where(y < 0, 0.2 * y, y)
    expected = y / np.sqrt((y**2).mean(axis=1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(
        layer(x, style, None, enlarge=True).array, expected, rtol=1e-3, atol=1e-4
    )


def test_modulation_keeps_the_layout_of_images_last():
    """Otherwise every convolution would copy its input."""
    generator, _ = make()
    layer = generator.first
    style = np.random.default_rng(0).standard_normal((3, SETTINGS.style)).astype(np.float32)
    x = chainer.Variable(images_first(np.ones((8, 4, 4, 3), np.float32)))
    inputs = []
    layer.convolution.forward = lambda y: inputs.append(y) or F.identity(y)
    F.sum(layer(x, style) ** 2).backward()
    for array in (inputs[0].array, x.grad):
        assert np.moveaxis(array, 0, -1).flags.c_contiguous


def test_r1_differentiates_the_critic_twice():
    _, critic = make()
    images = chainer.Variable(np.random.default_rng(0).random((4, 1, 16, 16), dtype=np.float32))

    def penalty():
        (slope,) = chainer.grad([F.sum(critic(images))], [images], enable_double_backprop=True)
        return F.sum(slope**2)

    critic.cleargrads()
    penalty().backward()
    weight = critic.stages[0].first.W
    step = np.zeros_like(weight.array)
    step[0, 0, 1, 1] = 1e-2
    ends = []
    for sign in (1, -1):
        weight.array[...] += sign * step
        ends.append(float(penalty().array))
        weight.array[...] -= sign * step
    assert weight.grad[0, 0, 1, 1] == pytest.approx((ends[0] - ends[1]) / 2e-2, rel=0.05)


@pytest.mark.parametrize("width", [8, 16])
def test_two_batches_have_the_scores_that_they_have_apart(width):
    _, critic = make()
    critic.growth = Growth(width, 1 if width == 8 else 0.3)
    # So that the deviations differ.
    images = np.random.default_rng(0).random((8, 1, width, width), dtype=np.float32)
    images[4:] *= 5
    apart = [critic(part).array for part in (images[:4], images[4:])]
    together = critic(images, batches=2).array
    np.testing.assert_allclose(together, np.concatenate(apart), rtol=1e-4, atol=1e-5)


def test_the_first_width_is_one_of_the_widths():
    with pytest.raises(ValidationError, match="first_width: found 12; expected one of 8, 16"):
        Coarse(channels=[8, 6, 4], first_width=12)
