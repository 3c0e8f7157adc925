import numpy as np
import pytest
import sewar
from numpy.typing import NDArray
from sewar.utils import Filter
from skimage.measure import block_reduce

from synaxial.compute.parallel import use_threads
from synaxial.evaluation.metrics import diversity as metric

from ...phantoms import Phantoms
from .conftest import blur


def noise(count: int, size: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, size, size), np.uint8)


@pytest.mark.parametrize("pair", [(0, 1), (0, 12), (5, 30), (7, 7)])
def test_as_the_definition_with_another_library_s_terms(
    phantoms: Phantoms, pair: tuple[int, int]
) -> None:
    first, second = (phantoms.images.pixels[at].astype(np.float64) for at in pair)
    window = {"fltr": Filter.GAUSSIAN, "sigma": 1.5, "ws": 11}
    expected = 1.0
    for scale, exponent in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        whole, structure = sewar.ssim(first, second, ws=11, MAX=255, fltr_specs=window)
        expected *= max(whole if scale == 4 else structure, 0) ** exponent
        first, second = block_reduce(first, 2, np.mean), block_reduce(second, 2, np.mean)
    found = metric.multi_scale_similarity(*phantoms.images.pixels[list(pair)])
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("pair", [(0, 1), (0, 12), (5, 30), (7, 7)])
def test_near_to_another_library_whose_averages_lie_a_pixel_off(
    phantoms: Phantoms, pair: tuple[int, int]
) -> None:
    first, second = phantoms.images.pixels[list(pair)]
    expected = sewar.msssim(first, second, MAX=255)
    assert metric.multi_scale_similarity(first, second) == pytest.approx(expected.real, abs=0.02)


def test_degrees_of_blur_lie_in_order(phantoms: Phantoms) -> None:
    image = phantoms.images.pixels[:1]
    similar = [
        metric.multi_scale_similarity(image[0], blur(image, sigma)[0]) for sigma in (0.5, 1, 2, 4)
    ]
    assert 1 > similar[0] > similar[1] > similar[2] > similar[3] > 0


def test_pairs_are_of_different_subjects_and_drawn_once() -> None:
    groups = np.repeat(np.arange(4), 5)
    pairs = metric.random_pairs(groups, 60)
    assert len(np.unique(pairs, axis=0)) == 60
    assert (groups[pairs[:, 0]] != groups[pairs[:, 1]]).all()
    assert len(metric.random_pairs(groups, 1000)) == 150


def test_a_collapsed_set_is_alike_and_noise_is_not(
    phantoms: Phantoms, controls: dict[str, NDArray[np.uint8]]
) -> None:
    half = phantoms.half(0)
    real = metric.measure(half.pixels, half.groups, 60)
    groups = phantoms.half(1).groups
    few_modes = np.repeat(controls["others"][:4], 9, axis=0)
    found = {
        name: metric.compare(metric.measure(pixels, pixel_groups, 60), real)["diversity"]
        for name, pixels, pixel_groups in (
            ("others", controls["others"], groups),
            ("blurred", controls["blurred"], groups),
            ("grid", controls["grid"], groups),
            ("noise", controls["noise"], groups),
            ("collapsed", few_modes, None),
        )
    }
    assert abs(found["others"]) < 0.05
    assert found["noise"] < -0.15 < found["others"] < found["collapsed"]
    assert found["blurred"] > found["others"] + 0.02
    assert metric.compare(real, real)["diversity"] == 0


def test_weights_are_repetitions_of_images_that_are_no_pair_with_themselves() -> None:
    pixels = noise(5, 64) // np.array([1, 2, 3, 4, 5], np.uint8)[:, None, None]
    rows = metric.measure(pixels)
    times = np.array([2, 0, 1, 3, 1])
    origin = np.repeat(np.arange(5), times)
    similarities = [
        metric.multi_scale_similarity(pixels[a], pixels[b])
        for at, a in enumerate(origin)
        for b in origin[at + 1 :]
        if a != b
    ]
    weighted = metric.compare(rows, rows, times.astype(np.float64))
    assert weighted["diversity_ms_ssim"] == pytest.approx(np.mean(similarities))
    only_one = metric.compare(rows, rows, np.array([1.0, 0, 0, 0, 0]))
    assert np.isfinite(list(only_one.values())).all()


@pytest.mark.parametrize("size", [64, 128, 250])
def test_any_size_and_constant_images(size: int) -> None:
    pixels = np.stack([*noise(2, size), *np.zeros((2, size, size), np.uint8)])
    found = metric.measure(pixels)["similarity"]
    assert ((found >= 0) & (found <= 1 + 1e-6)).all()
    assert found[-1] == pytest.approx(1)


def test_what_makes_no_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="one subject"):
        metric.measure(noise(1, 64))
    with pytest.raises(ValueError, match="one subject"):
        metric.measure(noise(3, 64), np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="one subject"):
        metric.collapse_score(noise(1, 64))
    with pytest.raises(ValueError, match="one size"):
        metric.multi_scale_similarity(noise(1, 64)[0], noise(1, 32)[0])


def test_the_quick_score_sees_a_collapse(phantoms: Phantoms) -> None:
    pixels = phantoms.images.pixels
    collapsed = np.repeat(pixels[:2], 20, axis=0)
    assert metric.collapse_score(collapsed) > metric.collapse_score(pixels) + 0.1
    assert metric.collapse_score(np.repeat(pixels[:1], 3, axis=0)) == pytest.approx(1)


def test_the_same_on_any_number_of_threads() -> None:
    pixels = noise(10, 64)
    with use_threads(2):
        two = metric.measure(pixels)
    for key, value in metric.measure(pixels).items():
        np.testing.assert_array_equal(value, two[key])
