from pathlib import Path

import nibabel
import numpy as np
import ot
import pytest
from numpy.typing import NDArray

from synaxial.compute.parallel import use_threads
from synaxial.data.slices.resize import resample
from synaxial.data.slices.slice import axial_slice
from synaxial.data.slices.window import conversion_of, find_window
from synaxial.evaluation.metrics import anatomy as metric
from synaxial.evaluation.metrics.brain_masks import brain_mask, hyperintense_mask, symmetry

from ...phantoms import Phantoms

BRATS = Path(__file__).parents[5] / "shared/data/brats"


def noise(count: int, size: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size), np.uint8)


def agreement(images: NDArray[np.uint8], tumours: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the Dice coefficient of each slice with a tumour of at least 100 pixels."""
    dice = []
    for image, tumour in zip(images, tumours, strict=True):
        if tumour.sum() >= 100:
            found = hyperintense_mask(image, brain_mask(image))
            dice.append(2 * (found & tumour).sum() / (found.sum() + tumour.sum()))
    return np.array(dice)


def test_the_brain_of_phantoms_is_what_is_not_background(phantoms: Phantoms) -> None:
    for image in phantoms.images.pixels:
        real, found = image > 0, brain_mask(image)
        assert 2 * (real & found).sum() / (real.sum() + found.sum()) > 0.97


def test_a_faint_background_is_no_brain(phantoms: Phantoms) -> None:
    image = phantoms.images.pixels[5]
    faint = np.maximum(image, noise(1, 256)[0] // 20)
    np.testing.assert_array_equal(brain_mask(faint), brain_mask(image))


def test_bright_parts_agree_with_the_phantoms_tumours(phantoms: Phantoms) -> None:
    dice = agreement(phantoms.images.pixels, phantoms.tumours)
    assert len(dice) > 30
    assert np.mean(dice) > 0.75


@pytest.mark.skipif(not BRATS.is_dir(), reason="needs ../shared/data/brats")
@pytest.mark.parametrize("subject", ["BraTS20_Training_001", "BraTS20_Training_002"])
def test_bright_parts_agree_with_the_experts(subject: str) -> None:
    name = f"{BRATS / subject / subject}_{{}}.nii.gz"
    volume, labels = (
        np.asarray(nibabel.load(name.format(kind)).dataobj).astype(np.int16)
        for kind in ("flair", "seg")
    )
    convert = conversion_of(volume, *find_window(volume, (0.5, 99.5), subject))
    images, tumours = [], []
    for index in range(60, 108, 4):
        images.append(resample(convert(axial_slice(volume, index)), 256, "bicubic"))
        tumour = axial_slice(labels, index).astype(np.uint8)
        tumours.append(resample(tumour, 256, "nearest") > 0)
    assert np.mean(agreement(np.stack(images), np.stack(tumours))) > 0.75


def test_symmetry_of_known_images() -> None:
    image = np.zeros((64, 64), np.uint8)
    image[20:40, 13:27] = 100
    brain = image > 0
    # Wherever the head lies, it is mirrored at its own middle.
    assert symmetry(image, brain) == 1
    image[20:40, 13:20] = 200
    # On each side one pixel of 200 against one of 100: 1 - 100 / 300.
    assert symmetry(image, brain) == pytest.approx(2 / 3)
    assert symmetry(image, np.zeros_like(brain)) == 1


def test_numbers_of_a_drawn_head() -> None:
    image = np.zeros((100, 100), np.uint8)
    image[20:80, 30:70] = np.random.default_rng(0).integers(90, 110, (60, 40))
    image[30:40, 55:65] = 250
    rows = metric.measure(image[None])
    assert rows["area"][0] == pytest.approx(24)
    assert rows["background"][0] == pytest.approx(76)
    assert (rows["row"][0], rows["column"][0]) == (49.5, 49.5)
    assert rows["hyperintense"][0] == pytest.approx(100 / 24)
    assert rows["hyperintense_row"][0] == pytest.approx(34.5 - 49.5)
    assert rows["hyperintense_column"][0] == pytest.approx(59.5 - 49.5)
    assert rows["hyperintense_right"][0] == 100
    assert rows["histogram"][0].sum() == 2400
    assert rows["histogram"][0, 250] == 100


@pytest.mark.parametrize(("column", "stray"), [(76, 0), (77, 100), (99, 100)])
def test_a_speck_away_from_the_brain_is_found(column: int, stray: int) -> None:
    image = np.zeros((100, 100), np.uint8)
    image[20:80, 30:71] = 100
    # The side's sixteenth is 6 pixels.
    image[50, column] = 1
    assert metric.measure(image[None])["stray"] == stray


def test_distances_are_those_of_another_library(phantoms: Phantoms) -> None:
    first, second = (metric.measure(phantoms.half(which).pixels) for which in (0, 1))
    found = metric.compare(first, second)
    for name in metric.QUANTITIES:
        expected = ot.wasserstein_1d(first[name], second[name], p=1)
        assert found[f"anatomy_{name}"] == pytest.approx(expected)
    pixels = [
        np.repeat(np.arange(256.0), rows["histogram"].sum(axis=0)) for rows in (first, second)
    ]
    expected = ot.wasserstein_1d(*pixels, p=1)
    assert found["anatomy_histogram"] == pytest.approx(expected, rel=1e-6)


def test_controls_are_ordered(phantoms: Phantoms, controls: dict[str, NDArray[np.uint8]]) -> None:
    real = metric.measure(phantoms.half(0).pixels)
    found = {name: metric.compare(metric.measure(p), real) for name, p in controls.items()}
    for key in ("anatomy_histogram", "anatomy_area", "anatomy_background", "anatomy_symmetry"):
        values = {name: numbers[key] for name, numbers in found.items()}
        assert values["others"] < values["noise"], key
    histogram = {name: numbers["anatomy_histogram"] for name, numbers in found.items()}
    assert histogram["others"] < histogram["grid"] < histogram["noise"]
    # Blur takes a rim of the background, less than subjects differ by: seen on the same subjects.
    clean, blurred = (metric.measure(controls[name]) for name in ("others", "blurred"))
    assert metric.compare(blurred, clean)["anatomy_background"] > 1
    assert max(map(abs, metric.compare(real, real).values())) < 1e-9


def test_an_absent_tumour_and_another_side_are_seen(phantoms: Phantoms) -> None:
    pixels = phantoms.half(0).pixels
    real = metric.measure(pixels)
    mirrored = metric.compare(metric.measure(pixels[:, :, ::-1]), real)
    assert mirrored["anatomy_symmetry"] < 0.5
    assert mirrored["anatomy_hyperintense_column"] > 1
    assert mirrored["anatomy_hyperintense_right"] > 5
    cut_down = np.stack(
        [np.minimum(image, np.median(image[image > 0]) + 5) for image in pixels]
    ).astype(np.uint8)
    without = metric.compare(metric.measure(cut_down), real)
    assert without["anatomy_hyperintense"] > 3
    assert without["anatomy_hyperintense_row"] == metric.FARTHEST


def test_weights_are_repetitions(phantoms: Phantoms) -> None:
    generated = metric.measure(phantoms.images.pixels[10:15])
    reference = metric.measure(phantoms.images.pixels[30:35])
    times = [2, 0, 1, 3, 0], [1, 1, 2, 0, 5]
    weighted = metric.compare(generated, reference, *(np.array(part, np.float64) for part in times))
    repeated = metric.compare(
        *(
            {key: np.repeat(value, part, axis=0) for key, value in rows.items()}
            for rows, part in zip((generated, reference), times, strict=True)
        )
    )
    assert weighted == pytest.approx(repeated)


@pytest.mark.parametrize("size", [64, 100])
def test_constant_images_are_finite(size: int) -> None:
    flat = np.stack([np.zeros((size, size), np.uint8), np.full((size, size), 255, np.uint8)])
    rows = [metric.measure(images) for images in (flat, flat[:1], flat[1:], noise(2, size))]
    for first in rows:
        assert all(np.isfinite(value).all() for value in first.values())
        for second in rows:
            assert np.isfinite(list(metric.compare(first, second).values())).all()


def test_the_same_on_any_number_of_threads(phantoms: Phantoms) -> None:
    pixels = phantoms.images.pixels[:36]
    with use_threads(2):
        two = metric.measure(pixels)
    for key, value in metric.measure(pixels).items():
        np.testing.assert_array_equal(value, two[key])
