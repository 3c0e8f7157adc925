import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_laplace
from skimage.feature import graycomatrix, graycoprops

from synaxial.compute.parallel import use_threads
from synaxial.evaluation.metrics import texture as metric
from synaxial.evaluation.metrics.brain_masks import brain_mask

from ...phantoms import Phantoms


def noise(count: int, size: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size), np.uint8)


def features(count: int, seed: int) -> dict[str, NDArray[np.float64]]:
    return {"features": np.random.default_rng(seed).gamma(2, size=(count, 7))}


@pytest.mark.parametrize("which", [3, 20, 50])
def test_co_occurrence_is_that_of_another_library(phantoms: Phantoms, which: int) -> None:
    image = phantoms.images.pixels[which]
    brain = brain_mask(image)
    bins = np.where(brain, image // 8 + 1, 0).astype(np.uint8)
    names = ("contrast", "dissimilarity", "homogeneity", "ASM", "correlation", "entropy")
    for distance, own in zip(metric.DISTANCES, metric.co_occurrence(image, brain), strict=True):
        expected = []
        # That library measures along the direction, ours along rows and columns.
        for length, angles in ((1, [0, np.pi / 2]), (2**0.5, [np.pi / 4, 3 * np.pi / 4])):
            pairs = graycomatrix(bins, [length * distance], angles, levels=33, symmetric=True)
            inside = pairs[1:, 1:] / pairs[1:, 1:].sum(axis=(0, 1))
            expected.append([graycoprops(inside, name)[0] for name in names])
        whole = np.concatenate(expected, axis=1).mean(axis=1)
        # Its entropy is in nats.
        whole[5] /= np.log(2)
        np.testing.assert_allclose(own, whole, rtol=1e-5)


def test_first_order_statistics_are_those_of_other_libraries(phantoms: Phantoms) -> None:
    image = phantoms.images.pixels[30]
    values = image[image > 0]
    found = dict(zip(metric.FIRST_ORDER, metric.first_order(values), strict=True))
    exact = values.astype(np.float64)
    binned = np.histogram(values, 32, (0, 256))[0] / len(values)
    assert found["mean"] == pytest.approx(exact.mean())
    assert found["deviation"] == pytest.approx(exact.std())
    assert found["skewness"] == pytest.approx(scipy.stats.skew(exact))
    assert found["kurtosis"] == pytest.approx(scipy.stats.kurtosis(exact, fisher=False))
    assert found["median"] == np.median(exact)
    assert found["interquartile_range"] == pytest.approx(scipy.stats.iqr(exact))
    deviation = np.abs(exact - exact.mean()).mean()
    assert found["mean_absolute_deviation"] == pytest.approx(deviation)
    assert found["entropy"] == pytest.approx(scipy.stats.entropy(binned, base=2))
    assert found["uniformity"] == pytest.approx((binned**2).sum())


def test_details_are_those_of_the_whole_image_s_filter(phantoms: Phantoms) -> None:
    image = phantoms.images.pixels[30]
    brain = brain_mask(image)
    for scale, own in zip(metric.SCALES, metric.details(image, brain), strict=True):
        smooth = gaussian_filter(image.astype(np.float64), scale, mode="constant")
        values = (gaussian_laplace(image.astype(np.float64), scale) * scale**2)[brain]
        expected = [
            values.mean(),
            values.std(),
            scipy.stats.skew(values),
            scipy.stats.kurtosis(values, fisher=False),
            *np.percentile(values, (10, 90)),
        ]
        # That library samples the kernel and cuts it off at 4 standard deviations.
        np.testing.assert_allclose(own, expected, rtol=0.03, atol=0.1)
        # The filter is the difference that more smoothing makes: of the variance, so half of it.
        more = gaussian_filter(image.astype(np.float64), scale * 1.01, mode="constant")
        slope = 2 * (more - smooth)[brain] / (1.01**2 - 1)
        assert np.corrcoef(slope, values)[0, 1] > 0.99


def test_the_distance_is_the_formula_with_a_matrix_s_root() -> None:
    own, real = features(40, 0), features(50, 1)
    mean, deviation = real["features"].mean(axis=0), real["features"].std(axis=0)
    x, y = ((rows["features"] - mean) / deviation for rows in (own, real))
    s, t = np.cov(x.T, bias=True), np.cov(y.T, bias=True)
    root = scipy.linalg.sqrtm(s @ t).real
    expected = np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2) + np.trace(s + t - 2 * root)
    found = metric.compare(own, real)
    assert found["texture_squared"] == pytest.approx(expected, rel=1e-6)
    assert found["texture"] == pytest.approx(np.log(expected), rel=1e-6)


def test_controls_are_ordered(phantoms: Phantoms, controls: dict[str, NDArray[np.uint8]]) -> None:
    real = metric.measure(phantoms.half(0).pixels)
    found = {
        name: metric.compare(metric.measure(pixels), real)["texture"]
        for name, pixels in controls.items()
    }
    assert metric.compare(real, real)["texture"] < found["others"]
    assert found["others"] + 0.5 < found["blurred"] < found["noise"]
    assert found["others"] < found["grid"] < found["noise"]


def test_weights_are_repetitions() -> None:
    generated, reference = features(20, 0), features(25, 1)
    draw = np.random.default_rng(2)
    times = draw.integers(0, 4, 20), draw.integers(0, 4, 25)
    weighted = metric.compare(generated, reference, *(part.astype(np.float64) for part in times))
    repeated = metric.compare(
        *(
            {"features": np.repeat(rows["features"], part, axis=0)}
            for rows, part in zip((generated, reference), times, strict=True)
        )
    )
    assert weighted == pytest.approx(repeated, rel=1e-6)


@pytest.mark.parametrize("size", [64, 100])
def test_constant_images_are_finite(size: int) -> None:
    flat = np.stack([np.zeros((size, size), np.uint8), np.full((size, size), 255, np.uint8)])
    rows = [metric.measure(images) for images in (flat, flat[[0, 0]], flat[[1, 1]], noise(2, size))]
    for first in rows:
        assert np.isfinite(first["features"]).all()
        for second in rows:
            assert np.isfinite(list(metric.compare(first, second).values())).all()


def test_a_thin_brain_has_no_distant_pairs() -> None:
    image = np.zeros((64, 64), np.uint8)
    image[10, 10:40] = 100
    assert np.isfinite(metric.measure(image[None])["features"]).all()


def test_one_image_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 2"):
        metric.compare(features(1, 0), features(5, 1))


def test_the_same_on_any_number_of_threads(phantoms: Phantoms) -> None:
    pixels = phantoms.images.pixels[:36]
    found = []
    # Outside, as no command is, the linear algebra has threads of its own and other sums.
    for threads in (1, 2):
        with use_threads(threads):
            found.append(metric.measure(pixels)["features"])
    np.testing.assert_array_equal(*found)
