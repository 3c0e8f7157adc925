import numpy as np
import prdc
import pytest

from synaxial.evaluation.metrics import neighbours

NAMES = ("precision", "recall", "density", "coverage")


def of(x, y, p=None, q=None):
    return neighbours.prepare(x, y, np.arange(len(x)), np.arange(len(y)))(p, q)


def draw(seed, images=60, dimensions=8, shift=0.0, scale=1.0):
    drawn = np.random.default_rng(seed).normal(shift, scale, (images, dimensions))
    return drawn.astype(np.float32)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("shift", [0.0, 0.7, 5.0])
def test_are_those_of_the_published_package(shift, scale):
    x, y = draw(1, 50, shift=shift, scale=scale), draw(2, 70)
    expected = prdc.compute_prdc(y.astype(float), x.astype(float), nearest_k=5)
    assert of(x, y) == pytest.approx(expected, abs=1e-12)


def test_equal_gaussians_are_as_published():
    # Example of the package prdc's own page: 10,000 images there, 1000 here, in 1000 dimensions.
    x, y = draw(3, 1000, 1000), draw(4, 1000, 1000)
    found = of(x, y)
    assert found["precision"] == pytest.approx(found["recall"], abs=0.1)
    assert found["density"] == pytest.approx(1, abs=0.1)
    assert found["coverage"] == pytest.approx(0.97, abs=0.02)


def by_counting(x, y, p, q):
    """Return the four numbers, image by image; p and q are how often each is there."""

    def radius(i, rows, times):
        away = np.linalg.norm(rows - rows[i], axis=1)
        others = [d for j, d in enumerate(away) for _ in range(times[j]) if j != i]
        return sorted(others)[:5][-1]

    real = [radius(i, y, q) for i in range(len(y))]
    made = [radius(j, x, p) for j in range(len(x))]
    between = np.linalg.norm(y[:, None] - x[None], axis=2)
    fakes = [j for j, times in enumerate(p) for _ in range(times)]
    reals = [i for i, times in enumerate(q) for _ in range(times)]
    return {
        "precision": np.mean([any(between[i, j] < real[i] for i in reals) for j in fakes]),
        "recall": np.mean([any(between[i, j] < made[j] for j in fakes) for i in reals]),
        "density": np.mean([sum(between[i, j] < real[i] for i in reals) / 5 for j in fakes]),
        "coverage": np.mean([any(between[i, j] < real[i] for j in fakes) for i in reals]),
    }


def test_weights_count_images_but_not_as_their_own_neighbours():
    x, y = draw(5, 15, 3, shift=0.5).astype(float), draw(6, 18, 3).astype(float)
    generator = np.random.default_rng(7)
    p, q = generator.permutation(np.arange(15) % 3), generator.permutation(np.arange(18) % 4)
    found = of(x, y, p.astype(float), q.astype(float))
    assert found == pytest.approx(by_counting(x, y, p, q))
    assert found != pytest.approx(of(x, y))


def test_weights_of_one_are_none():
    x, y = draw(8), draw(9, shift=0.3)
    ones = np.ones(60)
    assert of(x, y, ones, ones) == of(x, y)
    # Half the images, each with a weight of 1.
    half = np.arange(60) % 2.0
    assert of(x, y, half, half) == pytest.approx(of(x[1::2], y[1::2]))


def test_few_weights_take_the_last_neighbour():
    x, y = draw(10, 8), draw(11, 8)
    times = np.array([1, 1, 0, 0, 0, 0, 0, 0])
    found = of(x, y, times.astype(float), times.astype(float))
    x, y = x.astype(float), y.astype(float)
    assert found == pytest.approx(by_counting(x, y, times, times))


def test_lost_variety_lowers_recall_and_coverage_only():
    y = draw(12, 400, 4)
    found = of(draw(13, 400, 4, scale=0.3), y)
    assert found["precision"] > 0.95
    assert found["recall"] < 0.4
    assert found["coverage"] < 0.6


def test_noise_around_lowers_precision_and_density():
    y = draw(14, 400, 4)
    found = of(draw(15, 400, 4, scale=3), y)
    assert found["precision"] < 0.5
    assert found["density"] < 0.3


def test_the_same_set_is_perfect():
    x = draw(16, 100, 500)
    found = of(x, x)
    assert [found[name] for name in ("precision", "recall", "coverage")] == [1, 1, 1]


@pytest.mark.parametrize("value", [0.0, 0.1, 3.0])
def test_constant_features_have_no_balls(value):
    x = np.full((10, 7), value)
    assert of(x, x) == dict.fromkeys(NAMES, 0)
    assert np.isfinite(list(of(x, draw(17, 10, 7)).values())).all()


def test_five_images_are_refused():
    with pytest.raises(ValueError, match="5 generated images, expected at least 6"):
        of(draw(1, 5), draw(2))
