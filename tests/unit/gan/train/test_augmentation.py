"""Augmentation: what it does, against plain NumPy and SciPy, and its gradients."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import use_threads
from synaxial.config.model import Augmentation
from synaxial.gan.networks.randomness import TRAINING, BatchRandomness, ImageRandomness
from synaxial.gan.ops.augmentation import (
    Changes,
    change,
    curve_of,
    gather_anywhere,
    give_back_anywhere,
    means_above,
    means_anywhere,
    no_offset,
)
from synaxial.gan.train.augmentation import NUMBERS, AdaptiveProbability, augment

from ..ops.conftest import import_gradient_check

import_gradient_check()

KINDS = ["translation", "cutout", "flip", "intensity"]
TANH = (-1.0, 1.0)
SHAPES = [(5, 1, 16, 16), (4, 3, 13, 21), (1, 3, 19, 7), (3, 1, 5, 5)]


def heads(shape, value_range=TANH, dtype=np.float32, seed=0):
    """Images of random values in a disc, on background."""
    low, high = value_range
    rows, columns = np.ogrid[-1 : 1 : shape[2] * 1j, -1 : 1 : shape[3] * 1j]
    values = np.random.default_rng(seed).uniform(low + 0.02, high, shape)
    return np.where(rows**2 + columns**2 < 0.8, values, low).astype(dtype)


def randomness(*name):
    return BatchRandomness(np, TRAINING, *name)


class Given:
    """The same random numbers for every image: those given, by kind, and 0 elsewhere."""

    def __init__(self, **numbers):
        self.numbers = numbers
        self.shapes = []

    def uniform(self, shape):
        self.shapes.append(shape)
        row = [self.numbers.get(kind, [0] * count) for kind, count in NUMBERS.items()]
        return np.tile(np.concatenate(row), (shape[0], 1)).astype(np.float32)


def augmented(images, randomness, probability=1.0, value_range=TANH, **settings):
    settings = Augmentation(**settings)
    return chainer.as_array(augment(images, settings, probability, randomness, value_range))


def drawn_by(randomness, images):
    """Return the numbers that a source gives in one use, by kind."""
    numbers = randomness.uniform((images, sum(NUMBERS.values()))).astype(np.float64)
    ends = np.cumsum(list(NUMBERS.values()))[:-1]
    return dict(zip(NUMBERS, np.split(numbers, ends, axis=1), strict=True))


def translated(image, u, settings, low):
    farthest = round(settings.translation * image.shape[2])
    shift = [0, *(int(np.floor(value * (2 * farthest + 1))) - farthest for value in u)]
    return scipy.ndimage.shift(image, shift, order=0, mode="constant", cval=low)


def cut_out(image, u, settings, low):
    image = image.copy()
    _, height, width = image.shape
    side = round(settings.cutout * width)
    places = [size + (0 if side % 2 else 1) for size in (height, width)]
    top, left = (int(v * count) - side // 2 for v, count in zip(u, places, strict=True))
    for i in range(height):
        for j in range(width):
            if top <= i < top + side and left <= j < left + side:
                image[:, i, j] = low
    return image


def flipped(image, u, settings, low):
    return image[:, :, ::-1] if u[0] < 0.5 else image


def of_other_intensity(image, u, settings, value_range):
    low, high = value_range
    brightness = (high - low) * settings.intensity * (2 * u[0] - 1)
    contrast = 1 + settings.intensity * (2 * u[1] - 1)
    foreground = image[image > low + 0.5 * (high - low) / 255].astype(np.float64)
    mean = foreground.mean() if foreground.size else low
    knee = low + 2 * settings.intensity * (high - low)
    at_knee = mean + contrast * (knee - mean) + brightness
    inside = mean + contrast * (image - mean) + brightness
    return np.where(image < knee, np.interp(image, [low, knee], [low, at_knee]), inside)


def expected_of(images, settings, randomness, probability, value_range):
    """Augment images one after the other."""
    drawn = drawn_by(randomness, len(images))
    low = value_range[0]
    done = []
    for n, image in enumerate(images):
        u = {kind: values[n] for kind, values in drawn.items()}
        result = image
        chosen = {kind: kind in settings.kinds and u[kind][0] < probability for kind in u}
        if chosen["intensity"]:
            result = of_other_intensity(result, u["intensity"][1:], settings, value_range)
        if chosen["flip"]:
            result = flipped(result, u["flip"][1:], settings, low)
        if chosen["translation"]:
            result = translated(result, u["translation"][1:], settings, low)
        if chosen["cutout"]:
            result = cut_out(result, u["cutout"][1:], settings, low)
        done.append(result)
    return np.stack(done).astype(images.dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kinds", [*([kind] for kind in KINDS), KINDS], ids="-".join)
@pytest.mark.parametrize("value_range", [TANH, (0.0, 1.0)], ids=["tanh", "sigmoid"])
@pytest.mark.parametrize("probability", [0.6, 1.0])
def test_each_kind_is_what_it_says(shape, kinds, value_range, probability):
    images = heads(shape, value_range)
    settings = Augmentation(kinds=kinds, translation=0.3, cutout=0.4, intensity=0.2)
    for seed in range(8):
        found = augment(images, settings, probability, randomness(seed), value_range)
        expected = expected_of(images, settings, randomness(seed), probability, value_range)
        assert found.array.dtype == np.float32
        if "intensity" in kinds:
            np.testing.assert_allclose(found.array, expected, atol=1e-6)
        else:
            np.testing.assert_array_equal(found.array, expected)


def test_an_extreme_shift_is_the_farthest_and_the_numbers_are_even():
    images = heads((1, 1, 64, 64))
    for u, shift in ((0, -8), (0.5, 0), (1 - 2**-24, 8)):
        given = Given(translation=[0, u, u])
        found = augmented(images, given, kinds=["translation"])
        rows, columns = (slice(max(0, shift), 64 + min(0, shift)),) * 2
        back = slice(max(0, -shift), 64 + min(0, -shift))
        expected = np.full_like(images, -1)
        expected[:, :, rows, columns] = images[:, :, back, back]
        np.testing.assert_array_equal(found, expected)
    # 17 shifts along each axis: none more likely than another.
    single = np.full((3000, 1, 64, 64), -1, np.float32)
    single[:, :, 32, 32] = 1
    found = augmented(single, randomness(0), kinds=["translation"])
    _, _, rows, columns = np.nonzero(found == 1)
    assert len(rows) == 3000
    for places in (rows, columns):
        assert scipy.stats.chisquare(np.bincount(places - 24, minlength=17)).pvalue > 0.001
    assert scipy.stats.pearsonr(rows, columns).pvalue > 0.001


def test_the_square_may_hang_over_the_border_on_every_side():
    white = np.ones((2000, 1, 12, 12), np.float32)
    found = augmented(white, randomness(0), kinds=["cutout"], cutout=0.5)
    covered = found == -1
    areas = covered.sum(axis=(1, 2, 3))
    assert areas.max() == 36
    assert areas.min() == 9
    # A middle is as likely on each of 13 places: the corners are under 4 of 7 x 7's squares.
    assert covered[:, 0, 0, 0].mean() == pytest.approx(16 / 169, abs=5 * 0.29 / 2000**0.5)
    assert covered[:, 0, 5, 5].mean() == pytest.approx(36 / 169, abs=5 * 0.41 / 2000**0.5)


def test_probability_0_does_nothing_and_draws_as_many_numbers():
    images = heads((4, 3, 16, 16))
    sources = [Given(), Given()]
    assert augmented(images, sources[0], probability=0.0) is images
    augmented(images, sources[1], probability=1.0)
    assert sources[0].shapes == sources[1].shapes == [(4, 11)]
    # What comes after draws the same.
    uses, after = [randomness(3) for _ in range(3)], []
    for source, probability in zip(uses, (0.0, 0.5, 1.0), strict=True):
        augmented(images, source, probability)
        after.append(source.uniform((10,)))
    np.testing.assert_array_equal(after[0], after[1])
    np.testing.assert_array_equal(after[0], after[2])


def test_a_kind_left_out_leaves_the_others_numbers():
    images = heads((6, 1, 16, 16))
    shifted = augmented(images, randomness(1), kinds=["translation"])
    both = augmented(images, randomness(1), kinds=["flip", "translation"])
    mirrored = augmented(images, randomness(1), kinds=["flip"])
    unmirrored = (mirrored == images).all(axis=(1, 2, 3))
    assert 0 < unmirrored.sum() < 6
    np.testing.assert_array_equal(both[unmirrored], shifted[unmirrored])


@pytest.mark.parametrize(
    ("kind", "share"), [("translation", 288 / 289), ("cutout", 1), ("flip", 1 / 2)]
)
@pytest.mark.parametrize("probability", [0.2, 0.5, 1.0])
def test_the_share_of_images_that_change(kind, share, probability):
    # The flip exchanges left and right of half of the images that undergo it.
    count = 2000
    images = np.random.default_rng(0).uniform(-0.9, 1, (count, 1, 64, 64)).astype(np.float32)
    changed = (augmented(images, randomness(7), probability, kinds=[kind]) != images).any((1, 2, 3))
    low, high = scipy.stats.binom.interval(1 - 1e-6, count, probability * share)
    assert low <= changed.sum() <= high


def test_kinds_are_chosen_independently():
    images = np.random.default_rng(0).uniform(-0.5, 0.8, (4000, 1, 8, 8)).astype(np.float32)
    changed = [
        (augmented(images, randomness(8), 0.5, kinds=[kind]) != images).any(axis=(1, 2, 3))
        for kind in KINDS
    ]
    correlations = np.corrcoef(changed) - np.eye(4)
    assert np.abs(correlations).max() < 5 / 4000**0.5


@pytest.mark.parametrize("value_range", [TANH, (0.0, 1.0), (-0.3, 0.7)])
@pytest.mark.parametrize("intensity", [0.01, 0.1, 0.5, 0.9])
def test_background_stays_and_the_order_of_values_too(value_range, intensity):
    images = heads((200, 1, 12, 12), value_range)
    low, high = np.float32(value_range)
    found = augmented(
        images, randomness(9), value_range=value_range, kinds=["intensity"], intensity=intensity
    )
    background = images == low
    assert (found[background] == low).all()
    assert (found >= low).all()
    assert found.max() <= high + 2 * intensity * (high - low) + 1e-6
    assert (found != images).any(axis=(1, 2, 3)).all()
    for before, after in zip(images, found, strict=True):
        assert (np.diff(after.ravel()[np.argsort(before.ravel())]) >= 0).all()
    # Without an edge between background and what is nearly that.
    faint = np.where(background, low + np.float32(1e-4) * (high - low), images)
    nearly = augmented(
        faint, randomness(9), value_range=value_range, kinds=["intensity"], intensity=intensity
    )
    assert np.abs(nearly - low)[background].max() < 2.1e-4 * (high - low) * max(1, 2 * intensity)


@pytest.mark.parametrize("value_range", [TANH, (0.0, 1.0)])
def test_brightness_and_contrast_are_of_the_foreground(value_range):
    low, high = value_range
    extent = high - low
    images = np.full((1, 1, 10, 10), low, np.float32)
    images[..., 2:5] = low + 0.5 * extent
    images[..., 5:8] = low + 0.7 * extent
    brighter = Given(intensity=[0, 0.75, 0.5])
    found = augmented(images, brighter, value_range=value_range, kinds=["intensity"])
    np.testing.assert_allclose(found[..., 2:8], images[..., 2:8] + 0.05 * extent, rtol=1e-6)
    flatter = Given(intensity=[0, 0.5, 0])
    found = augmented(images, flatter, value_range=value_range, kinds=["intensity"])
    np.testing.assert_allclose(found[..., 2:5], low + 0.51 * extent, rtol=1e-5)
    np.testing.assert_allclose(found[..., 5:8], low + 0.69 * extent, rtol=1e-5)


def test_an_image_without_foreground_stays_black():
    black = np.full((3, 1, 9, 9), -1, np.float32)
    np.testing.assert_array_equal(augmented(black, randomness(2)), black)


@pytest.mark.parametrize("shape", [(8, 3, 40, 44), (2, 1, 700, 300)])
def test_layout_and_threads_do_not_show(shape):
    images = heads(shape)
    layouts = [images, np.asfortranarray(images)]
    layouts.append(np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 0, -1)), -1, 0))
    results, gradients = [], []
    for threads in (1, 2, 3):
        with use_threads(threads):
            for layout in layouts:
                x = chainer.Variable(layout)
                y = augment(x, Augmentation(), 0.8, randomness(4), TANH)
                y.grad = images
                y.backward()
                results.append(y.array)
                gradients.append(x.grad)
    for arrays in (results, gradients):
        for array in arrays:
            np.testing.assert_array_equal(array, arrays[0])
    assert (results[0] != images).any()


def test_an_image_is_augmented_alike_beside_others():
    images = heads((5, 3, 16, 16))
    names = [(1, 2, k) for k in range(5)]
    together = augmented(images, ImageRandomness(np, names))
    alone = [augmented(images[k : k + 1], ImageRandomness(np, names[k : k + 1])) for k in range(5)]
    np.testing.assert_array_equal(together, np.concatenate(alone))


def some_changes(images, dtype=np.float64, knee=-0.4):
    """Changes of all kinds, and images that undergo none."""
    generator = np.random.default_rng(images)
    corner = generator.integers(0, 4, (images, 2))
    return Changes(
        background=-1.0,
        knee=knee,
        toned=np.arange(images) % 3 > 0,
        slopes=generator.uniform(0.6, 1.5, (images, 2)).astype(dtype),
        mirrored=np.arange(images) % 2 > 0,
        shifts=generator.integers(-3, 4, (images, 2)),
        covered=np.stack([corner, corner + generator.integers(0, 3, (images, 2))], axis=2),
    )


def far_from(values, knee):
    """Move values away from where the slope changes, for differences need a way to go."""
    return np.where(np.abs(values - knee) < 0.01, knee + 0.02, values)


@pytest.mark.parametrize("shape", [(6, 1, 6, 6), (5, 3, 5, 7), (1, 2, 4, 3)])
def test_first_and_second_derivatives(shape):
    np.random.seed(3)  # noqa: NPY002 -- Chainer's check draws its direction from it
    generator = np.random.default_rng(sum(shape))
    changes = some_changes(shape[0])
    x = far_from(generator.uniform(-1, 1, shape), changes.knee)
    gradient, along = generator.standard_normal((2, *shape))
    options = {"dtype": np.float64, "eps": 1e-4, "atol": 1e-7, "rtol": 1e-6}
    function = lambda x: change(x, changes)  # noqa: E731
    chainer.gradient_check.check_backward(function, x, gradient, **options)
    chainer.gradient_check.check_double_backward(function, x, gradient, along, **options)
    # Of the derivative and its transpose too, further on.
    squared = lambda x: change(x, changes) ** 3  # noqa: E731
    chainer.gradient_check.check_double_backward(squared, x, gradient, along, **options)


@pytest.mark.parametrize("kinds", [["translation", "cutout", "flip"], KINDS], ids="-".join)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_of_all_is_that_of_differences(kinds, channels):
    settings = Augmentation(kinds=kinds)
    shape = (12, channels, 9, 9)
    x = far_from(heads(shape, dtype=np.float64), -1 + 2 * 2 * settings.intensity)
    generator = np.random.default_rng(1)
    gradient, along = generator.standard_normal((2, *shape))
    # Not along a change of the mean, which is taken for a constant.
    foreground = x > -1 + 1 / 255
    count = foreground.sum(axis=(1, 2, 3), keepdims=True)
    means = (along * foreground).sum(axis=(1, 2, 3), keepdims=True) / count
    along = np.where(foreground, along - means, 0)

    def of(images):
        y = augment(images, settings, 0.8, randomness(6), TANH)
        return (chainer.as_array(y) * gradient).sum()

    difference = (of(x + 1e-6 * along) - of(x - 1e-6 * along)) / 2e-6
    v = chainer.Variable(x)
    y = augment(v, settings, 0.8, randomness(6), TANH)
    y.grad = gradient
    y.backward()
    assert (v.grad * along).sum() == pytest.approx(difference, rel=1e-6)


def test_transposed_and_linear_part_are_each_others():
    generator = np.random.default_rng(0)
    x, v, g = generator.standard_normal((3, 7, 3, 8, 6))
    changes = some_changes(7)
    images = chainer.Variable(x)
    y = change(images, changes)
    upstream = chainer.Variable(g)
    (returned,) = chainer.grad([y], [images], [upstream], enable_double_backprop=True)
    (forward,) = chainer.grad([returned], [upstream], [chainer.as_variable(v)])
    assert (forward.array * g).sum() == pytest.approx((v * returned.array).sum(), rel=1e-12)
    # y is affine: the linear part alone, where no pixel crosses the knee.
    step = 1e-7 * v
    np.testing.assert_allclose(
        forward.array, (change(x + step, changes).array - y.array) / 1e-7, atol=1e-7
    )


def test_the_penalty_on_a_critics_gradient_reaches_its_weights():
    F = chainer.functions
    generator = np.random.default_rng(0)
    x = chainer.Variable(heads((4, 3, 16, 16), dtype=np.float64))
    W = chainer.Parameter(0.1 * generator.standard_normal((4, 3, 4, 4)))

    def penalty():
        y = augment(x, Augmentation(), 1.0, randomness(5), TANH)
        scores = F.sum(F.tanh(F.convolution_2d(y, W, stride=2, pad=1)))
        (slope,) = chainer.grad([scores], [x], enable_double_backprop=True)
        return F.sum(slope**2)

    W.cleargrad()
    penalty().backward()
    direction = generator.standard_normal(W.shape)
    found, start = float((W.grad * direction).sum()), W.array.copy()
    ends = []
    for sign in (1, -1):
        W.array = start + sign * 1e-5 * direction
        ends.append(float(penalty().array))
    assert found == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)


def test_the_generator_learns_through_it():
    F = chainer.functions
    weights = chainer.Parameter(np.full((1, 3, 1, 1), 0.5, np.float32))
    x = F.tanh(weights * heads((4, 3, 16, 16)))
    y = augment(x, Augmentation(), 1.0, randomness(5), TANH)
    F.sum(y).backward()
    assert (weights.grad != 0).all()
    # Above the range too: nothing is clipped.
    top = chainer.Variable(np.ones((1, 1, 8, 8), np.float32))
    brighter = augment(
        top, Augmentation(kinds=["intensity"]), 1.0, Given(intensity=[0, 0.9, 0.5]), TANH
    )
    assert (brighter.array > 1).all()
    F.sum(brighter).backward()
    assert (top.grad == 1).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_way_of_other_devices_is_the_same(shape):
    generator = np.random.default_rng(0)
    x, v, g = generator.uniform(-1, 1, (3, *shape))
    changes = some_changes(shape[0])
    images, upstream = chainer.Variable(x), chainer.Variable(g)
    y = change(images, changes)
    (returned,) = chainer.grad([y], [images], [upstream], enable_double_backprop=True)
    (forward,) = chainer.grad([returned], [upstream], [chainer.as_variable(v)])
    for found, expected in (
        (gather_anywhere(x, x, changes, *curve_of(changes, x.dtype)), y),
        (give_back_anywhere(x, g, changes), returned),
        (gather_anywhere(x, v, changes, *no_offset(changes, x.dtype)), forward),
    ):
        np.testing.assert_allclose(found, expected.array, atol=1e-14)
    np.testing.assert_allclose(means_anywhere(x, -0.2), means_above(x, -0.2), rtol=1e-12)
    np.testing.assert_array_equal(means_anywhere(x, 2.0), means_above(x, 2.0))


def adaptive(batch_size=8, **settings):
    settings = {"probability": 0.1, "target": 0.6, "adaptation_images": 320, **settings}
    return AdaptiveProbability(Augmentation(**settings), batch_size)


def test_the_probability_follows_the_mean_sign():
    probability, path = adaptive(), []
    signs = [1, 0.5, 0.5, 0.5, *(1, 1, 1, 1), *(0.6, 0.6, 0.6, 0.6), *(0, 0, 0, -1), *([0.5] * 4)]
    for sign in signs:
        probability.update(sign)
        path.append(probability.value)
    # 4 iterations of 8 images are a tenth of 320. Means: 0.625, 1, the target, -0.25, 0.5.
    expected = [0.1] * 3 + [0.2] * 4 + [0.3] * 8 + [0.2] * 4 + [0.1]
    np.testing.assert_allclose(path, expected, atol=1e-12)


def test_the_probability_stays_within_0_and_1():
    probability = adaptive()
    for sign, end in ((-1, 0), (1, 1), (-1, 0)):
        for _ in range(60):
            probability.update(sign)
            assert 0 <= probability.value <= 1
        assert probability.value == end


def test_without_a_target_the_probability_stays():
    probability = adaptive(probability=0.3, target=None)
    for _ in range(20):
        probability.update(1.0)
    assert probability.value == 0.3


def test_a_score_that_is_no_number_moves_nothing():
    probability = adaptive()
    for sign in (np.nan, 1, 1, 1):
        probability.update(sign)
    assert probability.value == 0.1
    for sign in (1, 1, 1, 1):
        probability.update(sign)
    assert probability.value == pytest.approx(0.2)


@pytest.mark.parametrize("iterations", [1, 2, 3, 4, 7])
def test_it_goes_on_where_it_was(tmp_path, iterations):
    signs = np.random.default_rng(0).uniform(0, 1, 40)
    whole, first, resumed = adaptive(), adaptive(), adaptive()
    for sign in signs:
        whole.update(sign)
    for sign in signs[:iterations]:
        first.update(sign)
    chainer.serializers.save_npz(tmp_path / "state.npz", first)
    chainer.serializers.load_npz(tmp_path / "state.npz", resumed)
    assert vars(resumed) == vars(first)
    assert [type(value) for value in vars(resumed).values()] == [
        type(value) for value in vars(first).values()
    ]
    for sign in signs[iterations:]:
        resumed.update(sign)
    assert resumed.value == whole.value
