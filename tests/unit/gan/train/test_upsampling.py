"""The up-sampler's training: its losses, its schedule, its exact resumption, and that it learns."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.config.model import Training
from synaxial.gan.networks.detail import details_of_pixels
from synaxial.gan.networks.randomness import (
    SAMPLE,
    UPSAMPLING,
    BatchRandomness,
    ImageRandomness,
)
from synaxial.gan.networks.saving import network_arrays
from synaxial.gan.networks.upsampler import Enlarged, upsample_images
from synaxial.gan.ops.background import without_holes
from synaxial.gan.ops.enlargement import area_reduction, bicubic_enlargement
from synaxial.gan.train.communication import open_communicator, open_world
from synaxial.gan.train.crops import crops_of, degrade
from synaxial.gan.train.upsampling import (
    FILTERS,
    OBSERVED,
    logit_loss,
    make_upsampler_updater,
    matched,
    order_of,
    pixel_loss,
    texture_loss,
)

from .conftest import assert_same

F = chainer.functions

#: A pixel on each side.
EDGES = ((0, 0), (0, 0), (1, 1), (1, 1))

TINY = {"width": 8, "crop": 16, "batch_size": 4}


@pytest.fixture(autouse=True)
def one_thread():
    """Let the small products of matrices stay on one core."""
    with use_threads(1):
        yield


def brains(count=12, width=32):
    """Discs of smooth stripes on exact background."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:width, :width] - width / 2
    images = []
    for _ in range(count):
        angle, phase, radius = generator.uniform((0, 0, width * 0.3), (3, 6, width * 0.45))
        stripes = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 0.6 + phase)
        grey = 130 + 80 * stripes
        images.append(np.where(np.hypot(x, y) < radius, grey, 0))
    return np.array(images).astype(np.uint8)


def updater_of(data, factor=4, **settings):
    communicator, device = open_communicator(open_world(1), "cpu")
    training = Training.model_validate(
        {
            "architecture": "coarse_to_fine",
            "seeds": [3],
            "upsampler": {**TINY, "factor": factor, **settings},
        }
    )
    return make_upsampler_updater(training, data, communicator, device)


def state_of(updater):
    serializer = chainer.serializers.DictionarySerializer()
    serializer.save(updater)
    return {name: np.array(value) for name, value in serializer.target.items()}


def test_a_resumed_training_continues_exactly():
    images = brains()
    whole = updater_of(images, epochs=7)
    for _ in range(8):
        whole.update()
    first, second = (updater_of(images, epochs=7) for _ in range(2))
    for _ in range(5):
        first.update()
    assert first.observed["loss_discriminator"] != 0
    chainer.serializers.NpzDeserializer(state_of(first)).load(second)
    for _ in range(3):
        second.update()
    assert_same(state_of(second), state_of(whole))
    assert second.observed == whole.observed
    assert tuple(second.observed) == OBSERVED
    assert all(np.isfinite(value) for value in second.observed.values())


@pytest.mark.parametrize("settings", [{}, {"adversarial_weight": 0}])
def test_it_resumes_before_the_critic_takes_part(settings):
    """The critic's optimizer then has no state yet."""
    images = brains(10)
    whole, first, second = (updater_of(images, epochs=20, **settings) for _ in range(3))
    for updater, steps in ((whole, 8), (first, 2)):
        for _ in range(steps):
            updater.update()
    chainer.serializers.NpzDeserializer(state_of(first)).load(second)
    for _ in range(6):
        second.update()
    assert_same(state_of(second), state_of(whole))


def test_all_ranks_know_the_details_of_all_images_and_a_file_keeps_some():
    images = brains(20)
    updater = updater_of(images)
    details = details_of_pixels(images, 4)
    upsampler = updater.networks.upsampler
    np.testing.assert_array_equal(updater.details, upsampler.standardised(details))
    for _ in range(3):
        updater.update()
    for network in (upsampler, updater.networks.average):
        known = network_arrays(network)["known"]
        assert known.shape == (256, 6)
        np.testing.assert_allclose(
            known[:: 256 // 20 + 1, 3:],
            details[np.arange(256) * 20 // 256][:: 256 // 20 + 1],
            rtol=1e-6,
        )


def test_the_initial_weights_depend_on_the_seed_and_leave_numpys_generator_alone():
    images = brains()
    np.random.seed(5)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = updater_of(images)
    np.random.seed(6)  # noqa: NPY002
    second = updater_of(images)
    np.random.seed(5)  # noqa: NPY002
    for name in ("upsampler", "critic", "average"):
        assert_same(
            network_arrays(getattr(first.networks, name)),
            network_arrays(getattr(second.networks, name)),
        )
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_the_critic_takes_part_after_an_eighth_and_rates_fall_at_the_end():
    images = brains(10)
    updater = updater_of(images, epochs=20)
    assert updater.iterations == 50
    critics, rates = {}, {}
    for iteration in (0, 5, 6, 35, 49):
        updater.iteration = iteration
        updater.update()
        critics[iteration] = updater.observed["loss_discriminator"] != 0
        rates[iteration] = updater.get_optimizer("generator").alpha
    assert critics == {0: False, 5: False, 6: True, 35: True, 49: True}
    assert rates[0] == rates[35] == 0.001
    assert rates[49] == pytest.approx(0.001 * (1 - 0.9 * 14 / 15))
    assert updater.get_optimizer("discriminator").alpha == pytest.approx(rates[49] / 2)


def test_a_weight_of_0_trains_without_a_critic():
    images = brains()
    updater = updater_of(images, epochs=2, adversarial_weight=0)
    before = network_arrays(updater.networks.critic)
    before = {name: array.copy() for name, array in before.items()}
    for _ in range(5):
        updater.update()
    assert_same(network_arrays(updater.networks.critic), before)
    assert updater.observed["loss_discriminator"] == 0


def test_losses_are_their_formulas():
    generator = np.random.default_rng(0)
    images, real = generator.uniform(-1, 1, (2, 3, 1, 8, 8)).astype(np.float32)
    real[:, 0, :3] = -1
    logits = generator.normal(0, 2, (3, 1, 8, 8)).astype(np.float32)
    difference = (images - real)[:, 0]
    halves = difference.reshape(3, 4, 2, 4, 2).mean(axis=(2, 4))
    expected = np.abs(halves).mean() + 0.3 * np.abs(difference).mean()
    found = pixel_loss(images, real)
    assert float(found.array) == pytest.approx(expected, rel=1e-5)
    share = 1 / (1 + np.exp(-logits.astype(np.float64)))
    entropy = -np.where(without_holes(real > -1), np.log(share), np.log(1 - share))
    expected = entropy.mean()
    found = logit_loss(Enlarged(images, chainer.Variable(logits)), real)
    assert float(found.array) == pytest.approx(expected, rel=1e-5)


def test_the_texture_loss_is_its_formula():
    images, real = np.random.default_rng(0).uniform(-1, 1, (2, 3, 1, 16, 16)).astype(np.float32)
    assert np.sqrt((FILTERS**2).sum(axis=(1, 2))) == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(FILTERS.sum(axis=(1, 2)), 0, atol=1e-6)
    expected = 0.0
    for size, side in ((16, 8), (8, 4)):
        averages = (
            x.reshape(3, 1, size, 16 // size, size, 16 // size).mean(axis=(3, 5))
            for x in (images, real)
        )
        ours, theirs = (
            F.convolution_2d(np.pad(x, EDGES, "edge"), FILTERS[:, None]).array for x in averages
        )
        strengths = (
            np.abs(x).reshape(3, 9, 2, side, 2, side).mean(axis=(3, 5)) for x in (ours, theirs)
        )
        expected += np.abs(np.subtract(*strengths)).mean()
        pairs = zip(ours.reshape(27, -1), theirs.reshape(27, -1), strict=True)
        expected += np.mean([wasserstein_distance(*pair) for pair in pairs])
    assert float(texture_loss(images, real).array) == pytest.approx(expected, rel=1e-5)


def test_values_are_ordered_as_by_a_stable_sort():
    values = np.random.default_rng(0).standard_normal((5, 900)).astype(np.float32)
    # Background has the response 0, of either sign, at many places.
    values[:, ::3], values[:, 1::7], values[0, :2] = 0, -0.0, (np.inf, -np.inf)
    np.testing.assert_array_equal(order_of(values), np.argsort(values, axis=1, kind="stable"))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_largest_value_is_put_where_the_other_image_has_its_largest(threads):
    values, places = np.random.default_rng(0).normal(size=(2, 3, 4, 6, 5)).astype(np.float32)
    # In the layout of the networks.
    places = np.moveaxis(np.moveaxis(places, 0, -1).copy(), -1, 0)
    with use_threads(threads):
        found = matched(values, places)
    for image, channel in np.ndindex(3, 4):
        order = np.argsort(places[image, channel].ravel())
        row = found[image, channel].ravel()
        np.testing.assert_array_equal(row[order], np.sort(values[image, channel].ravel()))


def test_the_texture_loss_tells_a_few_strong_lines_from_weak_noise_of_the_same_strength():
    generator = np.random.default_rng(0)
    lines, others, noise = generator.normal(0, 0.1, (3, 4, 1, 64, 64)).astype(np.float32)
    lines, others = (x * (generator.random(x.shape) < 0.1) for x in (lines, others))
    sum_of = [np.abs(F.convolution_2d(x, FILTERS[:, None]).array).sum() for x in (lines, noise)]
    noise *= sum_of[0] / sum_of[1]
    alike, different = (float(texture_loss(x, lines).array) for x in (others, noise))
    assert alike < 0.7 * different


def test_the_texture_loss_wants_as_much_texture_and_does_not_ask_where():
    generator = np.random.default_rng(0)
    first, second = generator.normal(0, 0.1, (2, 4, 1, 64, 64)).astype(np.float32)
    smooth = np.zeros_like(first)
    other, none, none_pixels, other_pixels = (
        float(loss(x, first).array)
        for loss, x in (
            (texture_loss, second),
            (texture_loss, smooth),
            (pixel_loss, smooth),
            (pixel_loss, second),
        )
    )
    assert other < 0.3 * none
    assert other_pixels > none_pixels


def test_the_gradient_is_that_of_the_whole_loss():
    """Against one backward pass through both networks."""
    images = brains()
    updater, expected = (updater_of(images, epochs=34, adversarial_weight=2.0) for _ in range(2))
    updater.iteration = 50
    # The critic stays as it is.
    updater.get_optimizer("discriminator").update = lambda *_: None
    updater.update()

    upsampler, critic = expected.networks.upsampler, expected.networks.critic
    randomness = BatchRandomness(np, UPSAMPLING, 3, 50, 0)
    indices = expected.get_iterator("main").next()
    real = crops_of(images, indices, 16, 4, randomness)
    small = degrade(area_reduction(real, 4).array, 1, randomness)
    details = expected.details[indices]
    enlarged = upsampler.enlarge(small, details, randomness)
    image = enlarged.images
    both = np.concatenate([real, image.array])
    critic(both, np.concatenate([details, details]))
    score = F.mean(critic(image, details))
    pixels = pixel_loss(image, real)
    loss = pixels + texture_loss(image, real) + 0.1 * logit_loss(enlarged, real) - 2 * score
    upsampler.cleargrads()
    loss.backward()
    assert updater.observed["loss_pixels"] == pytest.approx(float(pixels.array), rel=1e-5)
    assert updater.observed["loss_generator"] == pytest.approx(float(loss.array), rel=1e-5)
    ours = dict(updater.networks.upsampler.namedparams())
    for name, parameter in upsampler.namedparams():
        largest = np.abs(parameter.grad).max()
        assert largest > 0, name
        np.testing.assert_allclose(
            ours[name].grad, parameter.grad, rtol=1e-3, atol=1e-4 * largest, err_msg=name
        )


def test_200_iterations_are_better_than_bicubic():
    images = brains()
    updater = updater_of(images, epochs=134, batch_size=8, crop=32, adversarial_weight=0.01)
    for _ in range(200):
        updater.update()
    real = images[:, None].astype(np.float32) / 127.5 - 1
    small = area_reduction(real, 4).array
    pixels = np.rint((small + 1) * 127.5).astype(np.uint8)[:, 0]
    randomness = ImageRandomness(np, [(SAMPLE, i) for i in range(len(pixels))])
    large = upsample_images(updater.networks.average, pixels, randomness)
    image = large[:, None] / np.float32(127.5) - 1
    ours = pixel_loss(image, real)
    bicubic = pixel_loss(bicubic_enlargement(small, 4), real)
    assert float(ours.array) < 0.95 * float(bicubic.array)
    assert (large[images == 0] == 0).mean() > 0.93
    brain = large[:, None] > 0
    np.testing.assert_array_equal(brain, without_holes(brain))
