"""The up-sampler and its critic: shapes, exact values, gradients, and independent images."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.gan.networks.randomness import SAMPLE, BatchRandomness, ImageRandomness
from synaxial.gan.networks.upsampler import (
    CHUNK,
    FARTHEST,
    NEAREST,
    SEEN,
    SURE,
    PatchCritic,
    Upsampler,
    balanced,
    enlarged_masks,
    upsample_images,
)
from synaxial.gan.ops.background import DARKEST, inside_brain, repeated, without_holes
from synaxial.gan.ops.enlargement import area_means, bicubic_enlargement
from synaxial.gan.ops.resampling import blur

F = chainer.functions

#: Of two images, standardised.
DETAILS = np.array([[0.5, -1, 2], [-0.5, 0, 1]], np.float32)


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(1)  # noqa: NPY002 -- Chainer's initialisers draw from it


def small_images(count=3, width=8):
    """Random pixels within a square, and background around it."""
    pixels = np.random.default_rng(0).integers(1, 256, (count, width, width))
    pixels[:, :2] = pixels[:, -2:] = pixels[:, :, :2] = pixels[:, :, -2:] = 0
    return pixels.astype(np.uint8)


def as_input(images):
    return images[:, None].astype(np.float32) / 127.5 - 1


def streams(images, first=0):
    return ImageRandomness(np, [(SAMPLE, 5, 0, first + i) for i in range(images)])


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_shapes(factor):
    upsampler = Upsampler(16, factor)
    y = upsampler(as_input(small_images()), BatchRandomness(np, 1)).array
    assert y.shape == (3, 1, 8 * factor, 8 * factor)
    assert y.dtype == np.float32
    assert upsampler.last.W.shape[1] == 8


@pytest.mark.parametrize("whole", [False, True])
def test_without_weights_it_is_a_blurred_bicubic_enlargement_with_exact_background(whole):
    """Whole images are balanced, crops of a training are not."""
    upsampler = Upsampler(8, 4)
    upsampler.last.W.array[...] = 0
    x = as_input(small_images())
    given = (x, DETAILS[[0, 1, 0]], BatchRandomness(np, 1))
    y = (upsampler.enlarge_whole(*given) if whole else upsampler.enlarge(*given).images).array
    base = bicubic_enlargement(x, 4)
    brain = without_holes(base.array > -0.97)
    np.testing.assert_array_equal(y[~brain], -1)
    inside = repeated(inside_brain(x > SURE), 4)
    texture = balanced(blur(base), inside, 4) if whole else blur(base)
    expected = np.maximum(texture.array, DARKEST)
    np.testing.assert_allclose(y[brain], expected[brain], atol=1e-6)
    assert 0.2 < brain.mean() < 0.9
    assert (np.abs((texture - blur(base)).array[brain]).max() > 0.01) == whole


EVERYWHERE = np.ones((1, 1, 64, 64), bool)


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize(
    ("stripe", "expected"),
    [
        ([1, -1, 1, -1], 1 - 0.15),
        # Of a period of 4 pixels, a blur leaves a half.
        ([1, 1, -1, -1], 1 + 0.6 * (0.5**2 - 0.5**8) - 0.15 * (1 - 0.5**2)),
        ([1, 1, 1, 1], 1),
    ],
)
def test_grain_gets_weaker_and_lines_stronger_wherever_they_are(stripe, expected, shift, axis):
    lines = np.roll(np.tile(np.float32(stripe), 16), shift)
    image = np.broadcast_to(lines[:, None] if axis == 2 else lines, (1, 1, 64, 64))
    inner = (0, 0, slice(16, -16), slice(16, -16))
    found = balanced(image, EVERYWHERE, 4).array[inner]
    np.testing.assert_allclose(found, expected * image[inner], rtol=2e-3)


def test_a_thin_line_gets_stronger_wherever_it_is():
    for column in range(28, 36):
        image = np.zeros((1, 1, 64, 64), np.float32)
        image[..., column : column + 2] = -1
        line = balanced(image, EVERYWHERE, 4).array[0, 0, 32, column : column + 2]
        assert 1.02 < -line.mean() < 1.09


def test_only_the_inside_of_the_brain_is_balanced_and_averages_hardly_change():
    noise = np.random.default_rng(0).normal(0, 1, (1, 1, 64, 64)).astype(np.float32)
    inside = np.zeros_like(EVERYWHERE)
    inside[..., 16:48, 16:48] = True
    change = balanced(noise, inside, 4).array - noise
    assert not change[~inside].any()
    assert np.abs(change).max() > 0.4
    assert np.abs(area_means(change, 16)).max() < 0.05


def test_the_inside_of_a_brain_has_all_neighbours():
    brain = np.zeros((1, 1, 8, 8), bool)
    brain[..., 2:7, :5] = True
    inside = np.zeros((16, 16), bool)
    # Beyond the image there is no brain.
    inside[6:12, 2:8] = True
    np.testing.assert_array_equal(repeated(inside_brain(brain), 2)[0, 0], inside)


def test_all_weights_have_gradients():
    upsampler, critic = Upsampler(8, 4), PatchCritic()
    x = as_input(small_images())
    upsampler.known[...] = np.random.default_rng(1).normal(size=(256, 6))
    details = np.random.default_rng(2).normal(size=(3, 3)).astype(np.float32)
    enlarged = upsampler.enlarge(x, details, BatchRandomness(np, 1)).images
    scores = critic(enlarged, details)
    assert scores.shape == (3, 1, 4, 4)
    upsampler.cleargrads()
    critic.cleargrads()
    chainer.functions.sum(scores).backward()
    for network in (upsampler, critic):
        for name, parameter in network.namedparams():
            assert np.abs(parameter.grad).max() > 0, name


def test_gradients_of_the_texture_are_those_of_finite_differences():
    # Away from the straight-through choice and the kinks: along one weight of the last layer, and
    # bright enough that no pixel is raised to the darkest grey value.
    upsampler = Upsampler(8, 2)
    x = as_input(small_images())

    def total(bias):
        upsampler.last.b.array[0] = bias
        return chainer.functions.sum(upsampler(x, BatchRandomness(np, 1)))

    loss = total(2)
    upsampler.cleargrads()
    loss.backward()
    measured = float(total(2.5).array) - float(total(1.5).array)
    assert upsampler.last.b.grad[0] == pytest.approx(measured, rel=1e-3)


def test_8_bit_images_have_exact_background():
    large = upsample_images(Upsampler(8, 4), small_images(), streams(3))
    assert large.shape == (3, 32, 32)
    assert large.dtype == np.uint8
    assert not large[:, :4].any()
    assert large.any()


def test_the_edge_of_an_enlarged_mask_is_where_its_shares_say():
    """A disc whose reduction says how much of each pixel is tumour, within a larger brain."""
    rows, columns = np.mgrid[:64, :64] - 31.5
    distance = np.hypot(rows - 3, columns + 5)
    tumour, brain = distance < 13.3, np.hypot(rows, columns) < 16
    small = area_means(np.where(tumour, 1, -1).astype(np.float32)[None, None], 16)
    image = np.where(brain, 0.1, -1).astype(np.float32)[None, None]
    large = enlarged_masks(small, image, 4).array[0, 0]
    assert large.dtype == np.float32
    assert large.min() == -1
    assert large.max() == 1
    # Background is no tumour.
    assert (large[~brain] == -1).all()
    clear = brain & (np.abs(distance - 13.3) > 1)
    np.testing.assert_array_equal(large[clear] > 0, tumour[clear])


def test_an_image_depends_on_its_own_stream_alone():
    upsampler = Upsampler(8, 2)
    count = CHUNK + 3
    images = small_images(count)
    together = upsample_images(upsampler, images, streams(count))
    np.testing.assert_array_equal(
        together, upsample_images(upsampler, images, streams(count)), strict=True
    )
    last = upsample_images(upsampler, images[-2:], streams(2, count - 2))
    # Products of matrices of another width may round differently.
    assert np.abs(last.astype(int) - together[-2:]).max() <= 1
    other = upsample_images(upsampler, images, streams(count, 100))
    assert (other != together).any()


def test_the_critics_scores_do_not_depend_on_the_scale_of_its_weights():
    critic = PatchCritic()
    x = np.random.default_rng(0).normal(size=(2, 1, 32, 32)).astype(np.float32)
    with chainer.using_config("train", False):
        before = critic(x, DETAILS).array
        for layer in critic.convolutions:
            layer.W.array *= 100
        after = critic(x, DETAILS).array
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)
    assert np.abs(before).max() > 0


def test_a_score_of_the_critic_sees_a_patch_of_62_pixels():
    critic = PatchCritic()
    x = chainer.Variable(np.random.default_rng(0).normal(size=(1, 1, 128, 128)).astype(np.float32))
    critic(x, DETAILS[:1])[0, 0, 8, 8].backward()
    seen = np.flatnonzero(np.abs(x.grad[0, 0]).max(axis=1))
    assert seen[-1] - seen[0] + 1 == 62


def test_the_detail_of_an_image_is_that_of_a_training_image_of_like_reduction():
    """Half of the training images are noisy, also when they are small."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64] - 31.5
    brain = np.hypot(y, x) < 26
    noise = generator.normal(size=(100, 64, 64)) * np.repeat([2, 20], 50)[:, None, None]
    pixels = np.where(brain, np.clip(100 + noise, 1, 255), 0).astype(np.uint8)
    upsampler = Upsampler(8, 2)
    details = upsampler.learn_details(pixels)
    assert details[:50, 0].max() < details[50:, 0].min()
    small = area_means(pixels[::10, None].astype(np.float32), 32) / 127.5 - 1
    drawn = upsampler.draw_details(small, streams(10))
    np.testing.assert_array_equal(drawn[:, 0] > 0, np.arange(10) >= 5)
    assert {tuple(row) for row in drawn} <= {tuple(row) for row in details}
    assert (drawn != upsampler.draw_details(small, streams(10, 50))).any()
    # One of the 16 nearest, whatever images are beside it.
    many = np.repeat(small[:1], 300, axis=0)
    assert len(np.unique(upsampler.draw_details(many, streams(300)), axis=0)) == NEAREST
    alone = upsampler.draw_details(small[3:4], streams(1, 3))
    np.testing.assert_array_equal(alone, drawn[3:4])
    np.testing.assert_allclose(details.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(details.std(axis=0), 1, atol=0.1)


def test_the_detail_of_an_image_without_a_brain_is_bounded():
    upsampler = Upsampler(8, 2)
    upsampler.known[...] = np.random.default_rng(0).normal(-2, 0.2, (256, 6))
    standardised = upsampler.standardised(np.full((1, 3), -7, np.float32))
    np.testing.assert_array_equal(standardised, -FARTHEST)


def test_an_odd_width_is_enlarged_too():
    upsampler = Upsampler(8, 2)
    large = upsample_images(upsampler, small_images(width=9), streams(3))
    assert large.shape == (3, 18, 18)


@pytest.mark.parametrize("bias", [-1e3, 1e3])
def test_the_network_decides_about_background_only_where_it_is_dark(bias):
    upsampler = Upsampler(8, 4)
    upsampler.last.b.array[1] = bias
    x = np.full((1, 1, 12, 12), -1, np.float32)
    x[:, :, 3:9, 3:9] = 0.2
    crop = upsampler.enlarge(x, DETAILS[:1], BatchRandomness(np, 1)).images.array[0, 0]
    assert (crop[16:32, 16:32] > -1).all()
    assert (crop[:8] == -1).all() == (bias < 0)
    # A whole image has no brain away from that of the small image, whatever the network says.
    whole = upsampler(x, BatchRandomness(np, 1)).array[0, 0]
    near = np.zeros_like(whole, bool)
    near[8:40, 8:40] = True
    np.testing.assert_array_equal(whole > -1, near & (crop > -1))


def test_specks_of_small_images_are_left_out_with_their_masks():
    upsampler = Upsampler(8, 4)
    x, mask = np.full((2, 2, 1, 32, 32), -1, np.float32)
    x[..., 8:24, 8:24] = mask[..., 10:14, 10:14] = 0.5
    for speck in (False, True):
        if speck:
            for each in (x, mask):
                each[..., 0, :3] = each[..., 28, 30] = 1
        images = upsampler(x, BatchRandomness(np, 1))
        masks = enlarged_masks(mask, images, 4).array
        assert (images.array[..., 40:88, 40:88] > -1).all()
        assert (masks[..., 44:52, 44:52] > 0).all()
        for each in (images.array, masks):
            each[..., 28:100, 28:100] = -1
            assert (each == -1).all()


@pytest.mark.parametrize("axis", [2, 3])
def test_the_border_of_the_brain_has_no_teeth(axis):
    """What differs between odd and even pixels alone decides nothing about the background."""
    upsampler = Upsampler(8, 4)
    x, plain = as_input(small_images()), Upsampler(8, 4)
    plain.copyparams(upsampler)
    signs = np.where(np.arange(32) % 2, 1, -1).astype(np.float32)
    teeth = signs[:, None] if axis == 2 else signs
    texture_and_logits = upsampler.last.forward

    def with_teeth(h):
        y = texture_and_logits(h)
        return F.concat([y[:, :1], y[:, 1:] + 20 * np.broadcast_to(teeth, y[:, 1:].shape)])

    upsampler.last.forward = with_teeth
    found, expected = (
        each.enlarge(x, DETAILS[[0, 1, 0]], BatchRandomness(np, 1)) for each in (upsampler, plain)
    )
    inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(found.logits.array[inner], expected.logits.array[inner], atol=1e-3)
    assert (expected.images.array[:, 0] > -1).mean() > 0.2


def heads(width):
    """Small images: heads of several sizes and places, none, and one with a gap and specks."""
    x = np.full((6, 1, width, width), -1, np.float32)
    pixels = np.random.default_rng(0).uniform(-0.9, 1, x.shape).astype(np.float32)
    third, half = width // 3, width // 2
    parts = [(0, third, 0, half), (third, half + 3, 5, width), (half, width, half - 1, width)]
    parts += [(0, width, 0, width)]
    for image, (top, bottom, left, right) in enumerate(parts):
        x[image, 0, top:bottom, left:right] = pixels[image, 0, top:bottom, left:right]
    ring = x[5, 0]
    ring[8:-6, 6:-8] = pixels[5, 0, 8:-6, 6:-8]
    ring[13:-11, 11:-13] = -1
    # A speck in the gap, one that touches a corner, and one far away.
    ring[15, 13] = ring[7, 5] = ring[-2, -2] = 0.8
    return x


@pytest.mark.parametrize(("factor", "width"), [(2, 48), (4, 32), (8, 32)])
def test_outside_the_window_of_a_head_nothing_that_counts_is_computed(factor, width):
    """With gradients, whole images are computed; without them, a window around each head."""
    upsampler = Upsampler(8, factor)
    for name, parameter in upsampler.namedparams():
        if name.endswith("/b"):
            # Zeros around a window must differ from what the layers compute there.
            parameter.array[...] = np.random.default_rng(1).normal(0, 1, parameter.shape)
    upsampler.last.b.array[...] = [0, 0.5]
    x = heads(width)
    given = (x, np.random.default_rng(2).normal(size=(6, 3)).astype(np.float32))
    whole = upsampler.enlarge_whole(*given, streams(6)).array
    with chainer.no_backprop_mode():
        found = upsampler.enlarge_whole(*given, streams(6)).array
        np.testing.assert_array_equal(found == -1, whole == -1)
        np.testing.assert_allclose(found, whole, atol=2e-6)
        assert 0.2 < (whole > -1).mean() < 0.8
        assert (found[4] == -1).all()
        # An image does not depend on the others, to the last bit.
        for image in range(6):
            one = slice(image, image + 1)
            alone = upsampler.enlarge_whole(x[one], given[1][one], streams(1, image)).array
            np.testing.assert_array_equal(alone[0], found[image])
        with use_threads(2):
            shared = upsampler.enlarge_whole(*given, streams(6)).array
        np.testing.assert_array_equal(shared, found)


def test_a_much_smaller_window_would_change_the_image(monkeypatch):
    """The weights of the farthest pixels are so small that a little smaller one would not."""
    upsampler, x = Upsampler(8, 4), heads(32)[:1]
    for name, parameter in upsampler.namedparams():
        if name.endswith("/b"):
            parameter.array[...] = np.random.default_rng(1).normal(0, 1, parameter.shape)
    given = (x, DETAILS[:1])
    whole = upsampler.enlarge_whole(*given, streams(1)).array
    monkeypatch.setattr("synaxial.gan.networks.upsampler.SEEN", SEEN - 8)
    with chainer.no_backprop_mode():
        found = upsampler.enlarge_whole(*given, streams(1)).array
    assert np.abs(found - whole).max() > 1e-5
