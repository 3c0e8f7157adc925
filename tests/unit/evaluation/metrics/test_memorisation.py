import numpy as np
import pytest
from numpy.typing import NDArray

from synaxial.compute.parallel import use_threads
from synaxial.evaluation.metrics import memorisation as metric

from ...phantoms import Phantoms
from .conftest import blur


def noise(count: int, size: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size), np.uint8)


def test_the_nearest_is_that_of_all_positions_tried_one_by_one() -> None:
    images, training = blur(noise(4, 64), 3), blur(noise(5, 64, 1), 3)
    rows = metric.measure(images, training)
    for at, image in enumerate(images):
        tried = {}
        for number, candidate in enumerate(training):
            for flip in (False, True):
                oriented = np.pad(candidate[:, ::-1] if flip else candidate, 2)
                for down in range(-2, 3):
                    for right in range(-2, 3):
                        placed = oriented[2 - down : 66 - down, 2 - right : 66 - right]
                        value = np.corrcoef(placed.ravel(), image.ravel())[0, 1]
                        tried[number, flip, down, right] = value
        best = max(tried, key=lambda place: tried[place])
        assert rows["correlation"][at] == pytest.approx(tried[best], abs=1e-5)
        found = rows["training"][at], rows["flipped"][at], *rows["shift"][at]
        assert tuple(found) == best


@pytest.mark.parametrize(
    ("flip", "down", "right"), [(False, 0, 0), (True, 0, 0), (False, 8, -4), (True, -4, 8)]
)
def test_a_moved_mirrored_copy_of_other_contrast_is_found(
    phantoms: Phantoms, flip: bool, down: int, right: int
) -> None:
    training = phantoms.half(0).pixels
    copied = training[7][:, ::-1] if flip else training[7]
    copied = metric.moved(copied[None], down, right) // 2 + 20
    rows = metric.measure(copied, training)
    (pair,) = metric.closest_pairs(rows, 3)
    assert (pair.training, pair.flipped) == (7, flip)
    assert (pair.rows * 4, pair.columns * 4) == (down, right)
    assert pair.correlation > 0.999
    overlaid = metric.laid_over(training, pair)
    assert np.corrcoef(overlaid.ravel(), copied.ravel())[0, 1] > 0.999


def test_copies_are_too_near_and_others_are_not(
    phantoms: Phantoms, controls: dict[str, NDArray[np.uint8]]
) -> None:
    pixels, groups = phantoms.images.pixels, phantoms.images.groups
    training = pixels[groups < 3]
    held_out = metric.measure(pixels[groups == 3], training)
    slightly_changed = blur(training, 1)
    found = {
        name: metric.compare(metric.measure(images, training), held_out)
        for name, images in {
            "others": pixels[groups > 3],
            "copies": training,
            "changed": slightly_changed,
            "blurred": controls["blurred"],
            "noise": controls["noise"],
        }.items()
    }
    assert found["copies"]["memorisation"] == 1
    assert found["changed"]["memorisation"] == 1
    assert found["others"]["memorisation"] < 0.35
    assert found["noise"]["memorisation"] == 0
    assert found["blurred"]["memorisation"] < 0.5
    nearest = {name: values["memorisation_nearest"] for name, values in found.items()}
    assert nearest["noise"] < nearest["others"] < nearest["changed"] < nearest["copies"]


def test_as_many_are_too_near_as_the_percentile_says() -> None:
    rows = {"correlation": np.linspace(0, 1, 1000, dtype=np.float32)}
    assert metric.compare(rows, rows)["memorisation"] == pytest.approx(0.01)


def test_weights_are_repetitions() -> None:
    training = blur(noise(4, 64, 2), 4)
    generated = metric.measure(blur(noise(6, 64), 4), training)
    reference = metric.measure(blur(noise(5, 64, 1), 4), training)
    times = [2, 0, 1, 3, 0, 1], [1, 1, 2, 0, 5]
    weighted = metric.compare(generated, reference, *(np.array(part, np.float64) for part in times))
    repeated = metric.compare(
        *(
            {key: np.repeat(value, part, axis=0) for key, value in rows.items()}
            for rows, part in zip((generated, reference), times, strict=True)
        )
    )
    assert weighted == pytest.approx(repeated)


def test_a_figure_shows_each_training_image_once() -> None:
    training = blur(noise(3, 64), 3)
    rows = metric.measure(np.concatenate([training, blur(training, 1), training[:1]]), training)
    pairs = metric.closest_pairs(rows, 10)
    assert sorted(pair.training for pair in pairs) == [0, 1, 2]
    assert all(pair.image == pair.training for pair in pairs)
    assert len(metric.closest_pairs(rows, 2)) == 2


@pytest.mark.parametrize("size", [64, 100, 250, 256])
def test_any_size_and_constant_images(size: int) -> None:
    images = np.stack([*noise(2, size), np.zeros((size, size)), np.full((size, size), 255)])
    images = images.astype(np.uint8)
    rows = metric.measure(images, images)
    np.testing.assert_allclose(rows["correlation"][:2], 1, atol=1e-5)
    np.testing.assert_allclose(rows["training"][:2], [0, 1])
    assert np.isfinite(rows["correlation"]).all()
    assert np.isfinite(list(metric.compare(rows, rows).values())).all()


def test_the_same_on_any_number_of_threads() -> None:
    images, training = noise(300, 64), noise(20, 64, 1)
    with use_threads(2):
        two = metric.measure(images, training)
    with use_threads(1):
        one = metric.measure(images, training)
    for key, value in one.items():
        np.testing.assert_array_equal(value, two[key])
