import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel

from synaxial.evaluation.metrics import kernel_distance


def draw(seed, images=40, dimensions=30, shift=0.0):
    drawn = np.random.default_rng(seed).normal(shift, 1, (images, dimensions))
    return np.maximum(drawn, 0).astype(np.float32)


def of(x, y, p=None, q=None):
    each = np.arange(len(x)), np.arange(len(y))
    return kernel_distance.prepare(x, y, *each)(p, q)["kernel_distance"]


def test_is_the_formula_of_kid():
    x, y = draw(1).astype(np.float64), draw(2, images=25, shift=0.3).astype(np.float64)
    # As Binkowski et al. compute it, with scikit-learn's kernel: degree 3, 1 / D, plus 1.
    xx, yy, xy = (
        polynomial_kernel(a, b, degree=3, gamma=1 / 30, coef0=1)
        for a, b in ((x, x), (y, y), (x, y))
    )
    m, n = len(x), len(y)
    expected = (
        (xx.sum() - np.trace(xx)) / (m * (m - 1))
        + (yy.sum() - np.trace(yy)) / (n * (n - 1))
        - 2 * xy.mean()
    )
    assert of(x, y) == pytest.approx(expected, rel=1e-10)


def test_has_no_bias():
    values = [of(draw(2 * seed, 12), draw(2 * seed + 1, 12)) for seed in range(600)]
    error = np.std(values) / len(values) ** 0.5
    assert abs(np.mean(values)) < 3.5 * error
    # The estimate with the pairs of an image with itself would be far above.
    assert error < 0.05 * np.std(values)
    assert min(values) < 0


def test_is_zero_on_average_for_the_same_distribution_and_grows_with_the_shift():
    near, far = (of(draw(1, 300), draw(2, 300, shift=shift)) for shift in (0.1, 0.5))
    assert abs(of(draw(1, 300), draw(2, 300))) < near < far


def test_weights_are_multiplicities_without_pairs_of_one_image():
    x, y = draw(3, 6), draw(4, 5)
    times = np.array([2, 0, 1, 3, 1, 1])
    images = np.repeat(np.arange(6), times)
    pairs = [
        (i, j) for a, i in enumerate(images) for b, j in enumerate(images) if a != b and i != j
    ]
    kernel = kernel_distance.polynomial_kernel
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    xx, yy = kernel(x64, x64), kernel(y64, y64)
    expected = (
        np.mean([xx[i, j] for i, j in pairs])
        + yy[~np.eye(5, dtype=bool)].mean()
        - 2 * kernel(x64, y64)[images].mean()
    )
    assert of(x, y, times.astype(float)) == pytest.approx(expected, rel=1e-10)


def test_weights_of_one_are_none_and_their_scale_does_not_count():
    x, y = draw(5), draw(6)
    plain = of(x, y)
    assert of(x, y, np.ones(40), np.full(40, 0.25)) == pytest.approx(plain, rel=1e-9)
    half = np.arange(40) % 2.0
    assert of(x, y, half, None) == pytest.approx(of(x[1::2], y), rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_features_are_at_no_distance(value):
    x = np.full((10, 7), value)
    assert of(x, x) == pytest.approx(0, abs=1e-9)


def test_one_image_is_refused():
    with pytest.raises(ValueError, match="1 generated images, expected at least 2"):
        of(draw(1, 1), draw(2))
    with pytest.raises(ValueError, match="images of one group make no pair"):
        of(draw(1, 3), draw(2), np.array([0.0, 2.0, 0.0]))


def test_images_of_a_subject_make_no_pair():
    """Few subjects of many images are no further off than as many single images would be."""

    def distances(grouped):
        found = []
        for seed in range(40):
            generator = np.random.default_rng(seed)
            sets = [
                generator.normal(size=(5, 1, 6)) + generator.normal(size=(5, 8, 6))
                for _ in range(2)
            ]
            x, y = (features.reshape(40, 6) for features in sets)
            groups = np.repeat(np.arange(5), 8) if grouped else np.arange(40)
            found.append(
                kernel_distance.prepare(x, y, groups, groups)(None, None)["kernel_distance"]
            )
        return np.array(found)

    apart, together = distances(True), distances(False)
    assert abs(apart.mean()) < 2 * apart.std() / np.sqrt(40)
    assert together.mean() > 4 * together.std() / np.sqrt(40)
