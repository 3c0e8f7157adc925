import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from synaxial.compute import parallel
from synaxial.evaluation.features import wavelets


@pytest.fixture
def images():
    return np.random.default_rng(3).integers(0, 256, (5, 96, 80), dtype=np.uint8)


def test_the_transform_keeps_energy(images):
    images = images.astype(np.float32)
    approximation, details = wavelets.transform(images)
    energy = sum(
        (band.astype(np.float64) ** 2).sum(axis=(1, 2)) for band in [approximation, *details]
    )
    np.testing.assert_allclose(energy, (images.astype(np.float64) ** 2).sum(axis=(1, 2)), rtol=1e-5)


def test_bands_are_sums_over_the_circle(images):
    image = images[0].astype(np.float64)
    approximation, (horizontal, vertical, diagonal) = wavelets.transform(
        images[:1].astype(np.float32)
    )
    # Daubechies' filter with two vanishing moments, and its mirror.
    low = np.array([1 + 3**0.5, 3 + 3**0.5, 3 - 3**0.5, 1 - 3**0.5]) / (4 * 2**0.5)
    high = low[::-1] * np.array([1, -1, 1, -1])
    expected = {
        "approximation": (approximation, low, low),
        "horizontal": (horizontal, high, low),
        "vertical": (vertical, low, high),
        "diagonal": (diagonal, high, high),
    }
    for name, (band, down, right) in expected.items():
        assert band.shape == (1, 48, 40)
        for row, column in ((0, 0), (5, 17), (47, 39)):
            rows = np.arange(2 * row, 2 * row + 4) % 96
            columns = np.arange(2 * column, 2 * column + 4) % 80
            value = down @ image[np.ix_(rows, columns)] @ right
            assert band[0, row, column] == pytest.approx(value, abs=1e-3), name


def test_features_say_where_and_which_way():
    image = np.zeros((1, 128, 128), np.uint8)
    image[0, :32, 96:] = 100 * (np.arange(32) % 2)[:, None]
    features = wavelets.measure(image)[0]
    # After 16 means and 16 deviations: 16 cells and one deviation for each of the bands.
    horizontal, vertical, diagonal = features[32:].reshape(4, 3, 17)[0]
    assert horizontal[:16].argmax() == 3
    # Stripes of 0 and 100 are all in that band: its coefficients are 100, of which half are left
    # by the division, or fewer at the border of the cell.
    assert np.expm1(horizontal[3]) == pytest.approx(50, rel=0.1)
    assert max(vertical[3], diagonal[3]) < 0.5 * horizontal[3]
    assert features[3] == pytest.approx(np.log1p(50))
    assert features[19] == pytest.approx(np.log1p(50))


@pytest.mark.parametrize("shape", [(64, 64), (100, 100), (256, 256), (65, 91)])
@pytest.mark.parametrize("value", [0, 7, 255])
def test_constant_images_have_no_details(shape, value):
    features = wavelets.measure(np.full((2, *shape), value, np.uint8))
    assert features.shape == (2, 236)
    np.testing.assert_allclose(features[:, :16], np.log1p(value), rtol=1e-6)
    np.testing.assert_allclose(features[:, 16:], 0, atol=1e-3)


def test_small_images_are_refused():
    with pytest.raises(ValueError, match="images of 63 x 64, expected at least 64 x 64"):
        wavelets.measure(np.zeros((1, 63, 64), np.uint8))


def test_blur_lowers_details_and_noise_raises_them(phantoms):
    pixels = phantoms.images.pixels[::6]
    noisy = pixels + np.random.default_rng(4).normal(0, 10, pixels.shape)
    fine = slice(32, 32 + 3 * 17)
    sharp, blurred, grainy = (
        wavelets.measure(version.clip(0, 255).astype(np.uint8))[:, fine].mean()
        for version in (pixels, gaussian_filter(pixels, (0, 2, 2)), noisy)
    )
    assert blurred < 0.7 * sharp
    assert grainy > 1.5 * sharp


def test_same_bytes_on_any_number_of_threads_and_in_any_set(images):
    images = np.concatenate([images] * 8)[:, :64, :64]
    with parallel.use_threads(2):
        together = wavelets.measure(images)
    np.testing.assert_array_equal(together[:3], wavelets.measure(images[:3]))
    np.testing.assert_array_equal(together[35:], wavelets.measure(images[35:]))
