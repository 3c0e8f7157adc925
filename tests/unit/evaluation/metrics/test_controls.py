import numpy as np
import pytest

from synaxial.evaluation.features import efficientnet, wavelets
from synaxial.evaluation.metrics import (
    controls,
    frechet_distance,
    kernel_distance,
    neighbours,
    two_sample,
)
from synaxial.io.images import ImageSet, subset

KINDS = {"efficientnet": efficientnet, "wavelets": wavelets}


@pytest.fixture(scope="module")
def sets(phantoms):
    """A real set, another, and controls made of that other, in the order of how bad they are."""
    real, others = phantoms.half(0), phantoms.half(1)
    return {
        "real": real,
        "others": others,
        "copies": subset(real, controls.copies(len(real), len(others) // 2, seed=1)),
        "blurred": controls.blurred(others, 2.0),
        "grid": controls.planted_grid(others, 12.0, 4),
        "noise": controls.noise(others, seed=2),
    }


@pytest.fixture(scope="module", params=KINDS)
def features(request, sets):
    return {name: KINDS[request.param].measure(images.pixels) for name, images in sets.items()}


@pytest.mark.parametrize("metric", [kernel_distance, frechet_distance])
def test_distances_order_the_controls(metric, features):
    found = {
        name: metric.compare(features[name], features["real"])[metric.NAME] for name in features
    }
    assert found["copies"] < found["others"]
    assert found["others"] < found["blurred"] < found["noise"]
    assert found["others"] < found["grid"] < found["noise"]


def test_neighbours_order_the_controls(features):
    found = {name: neighbours.compare(features[name], features["real"]) for name in features}
    for name in ("precision", "density", "coverage"):
        values = {control: value[name] for control, value in found.items()}
        assert values["copies"] > values["others"], name
        assert values["others"] > max(values["blurred"], values["grid"]), name
        assert values["noise"] == 0, name


def test_the_classifier_orders_the_controls(features, sets):
    found = {
        name: two_sample.compare(
            features[name],
            features["real"],
            generated_groups=sets[name].groups,
            reference_groups=sets["real"].groups,
        )["auc"]
        for name in ("others", "blurred", "grid", "noise")
    }
    assert found["others"] < min(found["blurred"], found["grid"])
    assert found["noise"] == 1


@pytest.fixture
def images():
    pixels = np.random.default_rng(1).integers(0, 256, (9, 64, 64), dtype=np.uint8)
    pixels[:, :16] = 0
    return ImageSet(pixels, np.arange(9) // 3)


def test_copies_are_training_images_none_twice(images):
    numbers = controls.copies(9, 6, seed=3)
    assert len(set(numbers)) == 6
    np.testing.assert_array_equal(numbers, np.sort(numbers))
    drawn = subset(images, numbers)
    np.testing.assert_array_equal(drawn.pixels, images.pixels[numbers])
    np.testing.assert_array_equal(drawn.groups, images.groups[numbers])
    np.testing.assert_array_equal(numbers, controls.copies(9, 6, seed=3))
    assert not np.array_equal(numbers, controls.copies(9, 6, seed=4))
    # Every image can be drawn, and none beyond.
    assert {number for seed in range(20) for number in controls.copies(9, 3, seed)} == set(range(9))


@pytest.mark.parametrize("count", [0, 10])
def test_more_copies_than_images_are_refused(count):
    with pytest.raises(ValueError, match=f"{count} copies of 9 images, expected 1 to 9"):
        controls.copies(9, count, seed=1)


def test_blur_keeps_the_mean_and_takes_the_details(images):
    blurred = controls.blurred(images, 1.5)
    assert blurred.pixels.dtype == np.uint8
    np.testing.assert_array_equal(blurred.groups, images.groups)
    assert blurred.pixels.mean() == pytest.approx(images.pixels.mean(), rel=0.02)
    # White noise blurred by a Gaussian keeps 1 / (4 π s²) of its variance.
    kept = blurred.pixels[:, 26:].var() / images.pixels[:, 26:].var()
    assert kept == pytest.approx(1 / (4 * np.pi * 1.5**2), rel=0.15)
    # Images are blurred each by itself.
    apart = controls.blurred(ImageSet(images.pixels[3:4], images.groups[3:4]), 1.5)
    np.testing.assert_array_equal(apart.pixels, blurred.pixels[3:4])


def test_noise_is_white_and_uniform(images):
    noise = controls.noise(images, seed=1)
    assert noise.pixels.shape == images.pixels.shape
    assert len(np.unique(noise.groups)) == 9
    assert noise.pixels.mean() == pytest.approx(127.5, abs=2)
    assert noise.pixels.std() == pytest.approx((256**2 / 12) ** 0.5, rel=0.02)
    np.testing.assert_array_equal(noise.pixels, controls.noise(images, seed=1).pixels)


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_grid_is_a_wave_of_its_period_where_there_is_an_image(period):
    images = ImageSet(np.full((2, 64, 64), 100, np.uint8), np.arange(2))
    images.pixels[:, :, :16] = 0
    planted = controls.planted_grid(images, 10.0, period).pixels
    assert not planted[:, :, :16].any()
    difference = planted[0, :, 16:].astype(float) - 100
    assert difference.max() == 20
    spectrum = np.abs(np.fft.fft2(difference)) / difference.size
    expected = 10 if period == 2 else 5
    assert spectrum[64 // period, 0] == pytest.approx(expected, abs=0.3)
    assert spectrum[0, 48 // period] == pytest.approx(expected, abs=0.3)


def test_a_grid_of_no_amplitude_changes_nothing(images):
    np.testing.assert_array_equal(controls.planted_grid(images, 0.0, 4).pixels, images.pixels)
