"""A training of images with their masks."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config import make_study
from synaxial.config.model import Augmentation
from synaxial.data.dataset.reading import COLUMNS, open_images, open_masks
from synaxial.gan.networks.randomness import TRAINING, BatchRandomness
from synaxial.gan.networks.saving import load_generator
from synaxial.gan.train.augmentation import augment, with_few_masks
from synaxial.gan.train.communication import open_communicator, open_world
from synaxial.gan.train.previews import as_grey_or_colour
from synaxial.gan.train.setup import make_updater
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_csv
from synaxial.io.images import COLOUR

from .conftest import COARSE_TO_FINE, TINY, Job, write_dataset, write_index, write_masks

TANH = (-1.0, 1.0)

#: What a generator of images with masks needs.
PAIRS = {"masks": True, "generator": {"channels": [8, 8, 2]}}
MODERN_PAIRS = {"masks": True, **COARSE_TO_FINE}


def pairs_of(count=6, size=16):
    """Images of random grey in a disc, and masks of a random half of the pixels."""
    random = np.random.default_rng(2)
    rows, columns = np.ogrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    images = random.uniform(-0.9, 1, (count, size, size)).astype(np.float32)
    images[:, rows**2 + columns**2 > 0.8] = -1
    masks = np.where(random.random((count, size, size)) < 0.5, -1, 1).astype(np.float32)
    return np.stack([images, masks], axis=1)


def randomness(*name):
    return BatchRandomness(np, TRAINING, *name)


@pytest.mark.parametrize("kinds", [["translation"], ["cutout"], ["flip"], ["translation", "flip"]])
def test_a_mask_is_moved_mirrored_and_covered_as_its_image(kinds):
    """Given the same picture twice, both channels stay the same picture."""
    images = pairs_of()[:, :1]
    settings = Augmentation(kinds=kinds, translation=0.3, cutout=0.4)
    changed = 0
    for seed in range(10):
        twice = np.concatenate([images, images], axis=1)
        found = augment(twice, settings, 0.7, randomness(seed), TANH, masks=True).array
        np.testing.assert_array_equal(found[:, 0], found[:, 1])
        alone = augment(images, settings, 0.7, randomness(seed), TANH).array
        np.testing.assert_array_equal(found[:, :1], alone)
        changed += int((found[:, 0] != images[:, 0]).any(axis=(1, 2)).sum())
    assert changed > 10


def test_intensity_is_the_images_alone():
    pairs = pairs_of()
    settings = Augmentation(kinds=["intensity"], intensity=0.3)
    found = augment(pairs, settings, 1.0, randomness(1), TANH, masks=True).array
    np.testing.assert_array_equal(found[:, 1], pairs[:, 1])
    alone = augment(pairs[:, :1], settings, 1.0, randomness(1), TANH).array
    np.testing.assert_array_equal(found[:, :1], alone)
    assert (found[:, 0] != pairs[:, 0]).any(axis=(1, 2)).all()


def test_a_mask_keeps_its_two_values_through_all_kinds():
    settings = Augmentation(intensity=0.3)
    for seed in range(10):
        found = augment(pairs_of(), settings, 0.8, randomness(seed), TANH, masks=True).array
        assert set(np.unique(found[:, 1])) == {-1, 1}


def test_the_numbers_drawn_are_as_many_as_without_masks():
    settings = Augmentation()
    for probability in (0.0, 0.5):
        first, second = randomness(3), randomness(3)
        augment(pairs_of(), settings, probability, first, TANH, masks=True)
        augment(pairs_of()[:, :1], settings, probability, second, TANH)
        np.testing.assert_array_equal(first.uniform((5,)), second.uniform((5,)))
    assert augment(pairs := pairs_of(), settings, 0, randomness(1), TANH, masks=True) is pairs


def test_gradients_of_both_channels_and_theirs_in_turn():
    """Without intensity y(x) is A x + b: A's transpose is the gradient, whose gradient is A."""
    settings = Augmentation(kinds=["translation", "flip", "cutout"])
    pairs, other = (
        pairs_of(4, 8).astype(np.float64),
        np.random.default_rng(7).normal(size=(4, 2, 8, 8)),
    )
    changed = [
        augment(x, settings, 0.9, randomness(4), TANH, masks=True).array for x in (pairs, other)
    ]
    expected = changed[0] - changed[1]
    variable = chainer.Variable(pairs)
    weights = chainer.Variable(np.random.default_rng(5).normal(size=pairs.shape))
    result = augment(variable, settings, 0.9, randomness(4), TANH, masks=True)
    (slope,) = chainer.grad([result], [variable], [weights], enable_double_backprop=True)
    products = [(slope.array * (pairs - other)).sum(), (weights.array * expected).sum()]
    assert products[0] == pytest.approx(products[1], rel=1e-12)
    (back,) = chainer.grad([slope], [weights], [chainer.Variable(pairs - other)])
    np.testing.assert_allclose(back.array, expected, atol=1e-12)
    assert (np.abs(expected) > 0).mean() > 0.3


@pytest.mark.parametrize(
    ("first", "images", "shown"),
    [(0, 16, [0, 4, 8, 12]), (8, 8, [0, 4]), (6, 2, []), (4, 2, [0]), (0, 1, [0])],
)
def test_the_critic_sees_one_mask_of_four_on_any_number_of_ranks(first, images, shown):
    pairs = chainer.Variable(pairs_of(images))
    expected = pairs.array.copy()
    expected[[i for i in range(images) if i not in shown], 1] = 0
    seen = with_few_masks(pairs, first)
    np.testing.assert_array_equal(seen.array, expected)
    np.testing.assert_array_equal(with_few_masks(pairs.array, first), expected)
    # R1 and the generator's gradient: a hidden mask has none.
    (slope,) = chainer.grad([chainer.functions.sum(seen)], [pairs])
    np.testing.assert_array_equal(slope.array, expected != 0)


@pytest.mark.parametrize(
    ("settings", "shown"),
    [(PAIRS, 4), (MODERN_PAIRS, 1), ({**MODERN_PAIRS, "r1": 0.02}, 1)],
)
def test_only_a_coarse_critic_sees_few_masks(tmp_path, settings, shown):
    folder = write_dataset(tmp_path / "dataset", width=16 if settings is PAIRS else 32)
    write_masks(folder)
    training = study(**settings, batch_size=4)
    updater = updater_of(training, open_images(folder / "images.npy"), open_masks(folder))
    critic, seen = updater.networks.discriminator, []
    forward = critic.forward

    def counted(images, *rest, **names):
        batches = chainer.as_array(images)[:, 1].reshape(-1, 4, *images.shape[2:])
        seen.extend((batches != 0).any(axis=(2, 3)).sum(axis=1))
        return forward(images, *rest, **names)

    critic.forward = counted
    updater.update()
    assert seen == [shown] * 3  # Real images, generated ones, and those of the generator's update.


@pytest.fixture
def dataset(tmp_path):
    folder = write_dataset(tmp_path / "dataset")
    write_masks(folder)
    return folder


@pytest.mark.parametrize(("output", "low"), [("tanh", -1.0), ("sigmoid", 0.0)])
def test_real_batches_are_images_with_their_masks(dataset, output, low):
    training = study(generator={"channels": [8, 8, 2], "output_activation": output})
    images, masks = open_images(dataset / "images.npy"), open_masks(dataset)
    updater = updater_of(training, images, masks)
    indices = np.array([7, 0, 19])
    real = updater.real_images(indices)
    assert (real.shape, real.dtype) == ((3, 2, 16, 16), np.float32)
    expected = np.stack([images[indices], masks[indices]], axis=1) / 255 * (1 - low) + low
    np.testing.assert_allclose(real, expected, atol=1e-6)
    # Exactly the ends of the range, which the augmentation takes for background.
    assert set(np.unique(real[:, 1])) == {low, 1}


def study(**differences):
    settings = {**TINY, **PAIRS, **differences}
    return make_study({"training": settings, "experiments": {"tiny": {}}}).experiments["tiny"]


def updater_of(training, images, masks):
    communicator, device = open_communicator(open_world(1), "cpu")
    return make_updater(training, images, communicator, device, masks)


def test_previews_show_the_masks_outline():
    images = np.zeros((16, 8, 8, 2), np.uint8)
    images[..., 0] = 50
    images[:, 2:6, 2:6, 1] = 200
    drawn = as_grey_or_colour(images)
    assert drawn.shape == (16, 8, 8, 3)
    assert (drawn[0, 2, 2:6] == COLOUR).all()
    assert (drawn[0, 3, 3] == 50).all()


@pytest.fixture
def job(tmp_path):
    job = Job(tmp_path, **PAIRS)
    write_masks(job.dataset)
    return job


def test_it_writes_what_a_training_writes(job):
    job.configure(epochs=6, **PAIRS)
    job.run_here()
    trained = load_generator(job.output / "generator.npz")
    assert trained.masks
    assert trained.network.settings.channels[-1] == 2
    with Image.open(job.output / "previews" / "epoch_0006.png") as preview:
        assert (preview.size, preview.mode) == ((64, 64), "RGB")
    with Image.open(job.output / "previews.png") as timeline:
        assert timeline.mode == "RGB"
    record = json.loads((job.output / "run.json").read_text())
    description = json.loads((job.dataset / "masks.json").read_text())
    assert record["dataset"]["masks_sha256"] == description["sha256"]
    with (job.output / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(-1 <= float(row["similarity_generated"]) <= 1 for row in rows)


def test_the_best_generator_is_chosen_by_its_images(job):
    folder = job.folder / "held_out"
    write_dataset(folder, images=24)
    rows = [
        {"image": number, **dict.fromkeys(("subject", "person"), number // 6), "slice": number}
        for number in range(24)
    ]
    write_csv(folder / "index.csv", COLUMNS, rows)
    write_index(job.dataset)
    job.configure(keep="best", validation_epochs=1, **PAIRS)
    job.run_here(options=("--held-out", folder))
    record = json.loads((job.output / "run.json").read_text())
    assert record["nearest_to_held_out"]["distance"] > 0
    with (job.output / "log.csv").open(newline="") as file:
        distances = [float(row["distance_held_out"]) for row in csv.DictReader(file)]
    assert record["nearest_to_held_out"]["distance"] == pytest.approx(min(distances), rel=1e-5)


def test_other_masks_begin_another_model(job):
    job.configure(epochs=1, **PAIRS)
    job.run_here()
    assert "resuming" in job.run_here()
    write_masks(job.dataset, seed=2)
    assert "resuming" not in job.run_here()
    assert len(list(job.checkpoints.iterdir())) == 2


def test_masks_that_were_exchanged_are_refused(job):
    np.save(job.dataset / "masks.npy", 255 - np.load(job.dataset / "masks.npy"))
    with pytest.raises(SynaxialError, match=r"is not the file that masks\.json describes"):
        job.run_here()


MISTAKES = {
    "no masks": ("masks.npy", "masks.npy: cannot be read"),
    "no description": ("masks.json", "masks.json: cannot be read"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_absent_masks_are_one_clear_error(job, mistake):
    name, expected = MISTAKES[mistake]
    (job.dataset / name).unlink()
    with pytest.raises(SynaxialError, match=expected):
        job.run_here()
