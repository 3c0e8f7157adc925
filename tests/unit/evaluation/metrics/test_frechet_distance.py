import numpy as np
import pytest
import scipy.linalg

from synaxial.evaluation.metrics import frechet_distance


def draw(seed, images=200, dimensions=6, shift=0.0, scale=1.0):
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(dimensions, dimensions))
    return shift + scale * generator.normal(size=(images, dimensions)) @ mixing


def of(x, y, p=None, q=None):
    return frechet_distance.prepare(x, y)(p, q)["frechet_distance"]


def by_square_root(x, y):
    """Return the distance as the published implementations write it."""
    mean, other = x.mean(axis=0), y.mean(axis=0)
    covariance, other_covariance = (np.cov(z, rowvar=False, bias=True) for z in (x, y))
    root = scipy.linalg.sqrtm(covariance @ other_covariance).real
    return ((mean - other) ** 2).sum() + np.trace(covariance + other_covariance - 2 * root)


def test_is_the_formula_with_the_matrix_square_root():
    # Six dimensions are few enough for 200 images: the components are all there are, rotated.
    x, y = draw(1, shift=0.5, scale=1.3), draw(2)
    assert of(x, y) == pytest.approx(by_square_root(x, y), rel=1e-8)


def test_is_that_of_the_references_principal_components():
    x, y = draw(3, 120, 80, shift=0.2), draw(4, 160, 80)
    centred = y - y.mean(axis=0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:30].T
    expected = by_square_root(x @ components, y @ components)
    assert frechet_distance.dimensions_for(x, y) == 30
    assert of(x, y) == pytest.approx(expected, rel=1e-7)


def test_is_the_same_with_more_features_than_images():
    # Padded by features that are always the same, the components are found the other way.
    x, y = draw(5, 60, 20, shift=0.2), draw(6, 60, 20)
    wide = [np.hstack([z, np.full((60, 200), 4.0)]) for z in (x, y)]
    assert of(*wide) == pytest.approx(of(x, y), rel=1e-9)


def test_known_gaussians():
    generator = np.random.default_rng(7)
    x = generator.normal(3, 2, (50_000, 1))
    y = generator.normal(1, 1, (50_000, 1))
    # (3 - 1)² + (2 - 1)²
    assert of(x, y) == pytest.approx(5, rel=0.03)


@pytest.mark.parametrize(("images", "dimensions"), [(200, 6), (44, 60)])
def test_weights_are_multiplicities(images, dimensions):
    x, y = draw(8, images, dimensions), draw(9, images, dimensions, shift=0.2)
    generator = np.random.default_rng(10)
    times = [generator.permutation(np.arange(images) % 3) for _ in range(2)]
    repeated = [np.repeat(z, t, axis=0) for z, t in zip((x, y), times, strict=True)]
    weights = [t.astype(float) for t in times]
    count = frechet_distance.dimensions_for(x, y)
    components = frechet_distance.principal_directions(y - y.mean(axis=0), count)
    expected = by_square_root(repeated[0] @ components, repeated[1] @ components)
    assert of(x, y, *weights) == pytest.approx(expected, rel=1e-6)


def test_components_stay_for_other_weights():
    x, y = draw(11, 80, 100), draw(12, 80, 100)
    statistic = frechet_distance.prepare(x, y)
    weights = np.arange(80) % 2.0
    half = statistic(weights, None)["frechet_distance"]
    components = np.linalg.svd(y - y.mean(axis=0), full_matrices=False)[2][:20].T
    assert half == pytest.approx(by_square_root(x[1::2] @ components, y @ components), rel=1e-6)


def test_the_same_set_is_at_no_distance():
    x = draw(13, 100, 300)
    assert of(x, x) == pytest.approx(0, abs=1e-5 * np.var(x) * 300)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_features(value):
    x, y = np.full((10, 7), value), draw(14, 10, 7)
    assert of(x, x) == pytest.approx(0, abs=1e-12)
    assert np.isfinite([of(x, y), of(y, x)]).all()


def test_one_image_is_refused():
    with pytest.raises(ValueError, match="1 reference images, expected at least 2"):
        of(draw(1), draw(2, 1))
