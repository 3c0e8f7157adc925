import numpy as np
import ot
import pytest
from numpy.typing import NDArray
from scipy.ndimage import convolve

from synaxial.compute.parallel import use_threads
from synaxial.evaluation.metrics import sliced_wasserstein as metric

from ...phantoms import Phantoms


def noise(count: int, size: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size), np.uint8)


def test_the_pyramid_is_that_of_the_kernel_written_out() -> None:
    image = noise(1, 64)
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    full = image[0].astype(np.float64)
    small = convolve(full, kernel, mode="mirror")[::2, ::2]
    spread = np.zeros((64, 64))
    spread[::2, ::2] = small
    expected = full - convolve(spread, 4 * kernel, mode="mirror")
    levels = metric.laplacian_pyramid(image)
    assert [level.shape[-1] for level in levels] == [64, 32, 16]
    np.testing.assert_allclose(levels[0][0], expected, atol=1e-3)


@pytest.mark.parametrize("size", [64, 100, 256])
def test_the_pyramid_gives_the_image_back(size: int) -> None:
    image = noise(2, size)
    *finer, back = metric.laplacian_pyramid(image)
    for level in reversed(finer):
        back = level + metric._enlarged(back, level.shape[-1])
    np.testing.assert_allclose(back, image, atol=1e-2)
    assert back.shape[-1] == size


def by_sorting(
    first: NDArray[np.float32], second: NDArray[np.float32], directions: NDArray[np.float64]
) -> float:
    """Return the published distance of the patches of one level, times 1000, by the library POT."""
    projected = []
    for patches in (first, second):
        values = patches.reshape(-1, 49).astype(np.float64)
        projected.append((values - values.mean()) / (values.std() or 1.0) @ directions)
    return 1000 * float(np.mean(ot.wasserstein_1d(*projected, p=1)))


def test_bins_cost_little(phantoms: Phantoms, controls: dict[str, NDArray[np.uint8]]) -> None:
    # Of every second image: what sorting takes does not get surer with more.
    real = phantoms.half(0).pixels[::2]
    rows, patches = metric.measure(real), metric.descriptors(real)
    directions = metric.random_directions()
    for name, every in {**controls, "dark": controls["others"] // 2}.items():
        pixels = every[::2]
        found = metric.compare(metric.measure(pixels), rows)
        exact = [
            by_sorting(a, b, directions)
            for a, b in zip(metric.descriptors(pixels), patches, strict=True)
        ]
        levels = [found[f"sliced_wasserstein_{size}"] for size in (256, 128, 64, 32, 16)]
        # The bound that the docstring states: 3 % or 1 in units of the table.
        np.testing.assert_allclose(levels, exact, rtol=0.03, atol=1, err_msg=name)
        assert found["sliced_wasserstein"] == pytest.approx(np.mean(levels))


def test_controls_are_ordered(phantoms: Phantoms, controls: dict[str, NDArray[np.uint8]]) -> None:
    real = metric.measure(phantoms.half(0).pixels)
    found = {name: metric.compare(metric.measure(p), real) for name, p in controls.items()}
    mean = {name: values["sliced_wasserstein"] for name, values in found.items()}
    finest = {name: values["sliced_wasserstein_256"] for name, values in found.items()}
    assert 0 < mean["others"] < mean["blurred"] < mean["noise"]
    assert mean["others"] < mean["grid"] < mean["noise"]
    assert finest["others"] < 0.5 * min(finest["blurred"], finest["grid"])
    assert metric.compare(real, real)["sliced_wasserstein"] == pytest.approx(0, abs=1e-6)


def test_weights_are_repetitions() -> None:
    generated, reference = metric.measure(noise(5, 64)), metric.measure(noise(6, 64, 1) // 2)
    times = [2, 0, 1, 3, 0], [0, 1, 1, 2, 1, 4]
    weighted = metric.compare(generated, reference, *(np.array(part, np.float64) for part in times))
    repeated = metric.compare(
        *(
            {key: np.repeat(value, part, axis=0) for key, value in rows.items()}
            for rows, part in zip((generated, reference), times, strict=True)
        )
    )
    assert weighted == pytest.approx(repeated, rel=1e-9)


def test_rows_depend_on_nothing_but_the_image_and_the_set_s_mean() -> None:
    pixels = noise(40, 64)
    alone = metric.measure(pixels)
    with use_threads(2):
        again = metric.measure(pixels[::-1])
    for key, value in alone.items():
        np.testing.assert_array_equal(value, again[key][::-1])


@pytest.mark.parametrize("size", [64, 100])
def test_constant_images_have_finite_distances(size: int) -> None:
    black = metric.measure(np.zeros((2, size, size), np.uint8))
    white = metric.measure(np.full((1, size, size), 255, np.uint8))
    other = metric.measure(noise(2, size))
    assert metric.compare(black, black)["sliced_wasserstein"] == pytest.approx(0, abs=1e-6)
    for rows in (white, other):
        for values in (metric.compare(black, rows), metric.compare(rows, black)):
            assert np.isfinite(list(values.values())).all()


def test_too_small_images_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 16"):
        metric.measure(noise(1, 12))
