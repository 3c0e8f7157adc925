from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from synaxial.compute.parallel import use_threads
from synaxial.evaluation.metrics import spectrum as metric

from ...phantoms import Phantoms
from .conftest import blur

PlantGrid = Callable[[NDArray[np.uint8], int, float], NDArray[np.uint8]]


def noise(count: int, size: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size), np.uint8)


def test_the_radial_spectrum_is_the_mean_over_rings_written_out() -> None:
    image = noise(1, 64)
    taper = np.hanning(65)[:64]
    centred = (image[0] - image[0].mean()) * np.outer(taper, taper)
    full = np.abs(np.fft.fftshift(np.fft.fft2(centred))) ** 2
    full = full / np.sum(np.outer(taper, taper) ** 2) + 1 / 12
    rows, columns = np.indices((64, 64)) - 32
    distance = np.rint(np.sqrt(rows**2 + columns**2))
    expected = [10 * np.log10(full[distance == r].mean()) for r in range(1, 33)]
    np.testing.assert_allclose(metric.measure(image)["radial"][0], expected, atol=1e-3)


def test_white_noise_has_its_variance_at_every_frequency() -> None:
    radial = metric.measure(noise(40, 128))["radial"].mean(axis=0)
    np.testing.assert_allclose(radial[2:], 10 * np.log10((256**2 - 1) / 12), atol=0.5)


def test_the_lattice_is_where_a_grid_has_its_power() -> None:
    for period in metric.PERIODS:
        image = np.zeros((1, 64, 64), np.uint8)
        image[:, ::period, ::period] = 200
        ratio = metric.measure(image)["lattice"][0]
        assert (ratio[metric.lattice(64)[:, 2] <= period] > 2).all()
    # 1 + 3 of period 8, 1 of period 4, on 4 lines; the last of period 2 on 3.
    assert len(metric.lattice(256)) == 4 + 4 + 4 + 3


@pytest.mark.parametrize("period", metric.PERIODS)
def test_the_grid_index_rises_with_each_planted_grid(
    phantoms: Phantoms, plant_grid: PlantGrid, period: int
) -> None:
    pixels = phantoms.half(1).pixels
    real = metric.measure(phantoms.half(0).pixels)
    index = [
        metric.compare(metric.measure(plant_grid(pixels, period, amplitude)), real)
        for amplitude in (0, 2, 4, 8, 16, 32)
    ]
    whole = [values["grid_index"] for values in index]
    own = [values[f"grid_index_{period}"] for values in index]
    assert np.all(np.diff(whole) > 0)
    assert np.all(np.diff(own) > 0)
    assert whole[0] == pytest.approx(1, abs=0.15)
    assert own[2] > 1.5


@pytest.mark.parametrize("sigma", [0.5, 1, 2, 4])
def test_blur_raises_the_distance_but_not_the_grid_index(phantoms: Phantoms, sigma: float) -> None:
    pixels = phantoms.half(1).pixels
    real = metric.measure(phantoms.half(0).pixels)
    found = metric.compare(metric.measure(blur(pixels, sigma)), real)
    plain = metric.compare(metric.measure(pixels), real)
    assert found["spectrum"] > 1.5 * plain["spectrum"]
    assert found["spectrum_fine"] < plain["spectrum_fine"] - 1
    assert found["grid_index"] < plain["grid_index"] + 0.05


def test_controls_are_ordered(phantoms: Phantoms, controls: dict[str, NDArray[np.uint8]]) -> None:
    real = metric.measure(phantoms.half(0).pixels)
    found = {name: metric.compare(metric.measure(p), real) for name, p in controls.items()}
    distance = {name: values["spectrum"] for name, values in found.items()}
    assert 0 < distance["others"] < distance["grid"] < distance["noise"]
    assert 2 * distance["others"] < distance["blurred"] < distance["noise"]
    grid = {name: values["grid_index"] for name, values in found.items()}
    assert max(grid, key=lambda name: grid[name]) == "grid"
    assert metric.compare(real, real)["spectrum"] == 0
    assert metric.compare(real, real)["grid_index"] == 1


def test_borders_that_differ_are_no_grid() -> None:
    # Black at the top and white at the bottom; with noise, as rounding a ramp alone is a grid.
    ramp = np.linspace(-107, 107, 256)[:, None]
    grain = np.random.default_rng(0).normal(128, 3, (20, 256, 256))
    even, uneven = (
        metric.measure(np.rint(values).astype(np.uint8)) for values in (grain, grain + ramp)
    )
    assert metric.compare(uneven, even)["grid_index"] == pytest.approx(1, abs=0.03)


def test_weights_are_repetitions() -> None:
    generated, reference = metric.measure(noise(5, 64)), metric.measure(noise(4, 64, 1) // 2)
    times = [2, 0, 1, 3, 0], [1, 1, 2, 0]
    weighted = metric.compare(generated, reference, *(np.array(part, np.float64) for part in times))
    repeated = metric.compare(
        *(
            {key: np.repeat(value, part, axis=0) for key, value in rows.items()}
            for rows, part in zip((generated, reference), times, strict=True)
        )
    )
    assert weighted == pytest.approx(repeated, rel=1e-6)


@pytest.mark.parametrize("size", [64, 100, 256])
def test_constant_images_are_finite(size: int) -> None:
    flat = np.stack([np.zeros((size, size), np.uint8), np.full((size, size), 255, np.uint8)])
    rows = metric.measure(flat)
    np.testing.assert_allclose(rows["radial"], 10 * np.log10(1 / 12), atol=1e-3)
    np.testing.assert_allclose(rows["lattice"], 0, atol=1e-5)
    other = metric.measure(noise(2, size))
    assert np.isfinite(list(metric.compare(rows, other).values())).all()


def test_too_small_images_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 64"):
        metric.measure(noise(1, 63))


def test_the_same_on_any_number_of_threads() -> None:
    pixels = noise(40, 64)
    with use_threads(2):
        two = metric.measure(pixels)
    for key, value in metric.measure(pixels).items():
        np.testing.assert_array_equal(value, two[key])
