"""Whether images show what was asked: made brains with a bright part at a known side."""

import numpy as np
import pytest

from synaxial.data.dataset.labels import described
from synaxial.data.dataset.reading import COLUMNS
from synaxial.evaluation.conditions import numbers_of, read_asked, read_real
from synaxial.evaluation.features.judge import LEVEL, TUMOUR, Network, tell
from synaxial.evaluation.judge_training import folded, make_body
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_csv
from synaxial.io.stacks import write_stack

SIDE = 96


def brain(bright=""):
    """A disc of tissue, with a bright part in the left or right half of the picture."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    tissue = np.hypot(rows, columns) < 35
    noise = np.random.default_rng(0).integers(-5, 6, (SIDE, SIDE))
    image = np.where(tissue, 100 + noise, 0)
    if bright:
        centre = 18 if bright == "right" else -18
        image[np.hypot(rows, columns - centre) < 8] = 220
    return image.astype(np.uint8)


#: The patient's left is on the right.
IMAGES = np.stack([brain(), brain("right"), brain("left"), brain("right"), brain()])
LABELS = np.float32(
    [[60, 0, 0, 0], [70, 1, 1, 16], [80, 1, -0.9, 16], [90, 1, -1, 16], [100, 1, 1, 16]]
)


@pytest.fixture(scope="module")
def network():
    generator = np.random.Generator(np.random.PCG64(2))
    weights = generator.standard_normal((2, 128)).astype(np.float32)
    layers = folded(make_body(generator))
    return Network(layers, np.ones(128, np.float32), weights, np.float32([80, 0]))


def test_bright_parts_and_their_sides():
    numbers = numbers_of(IMAGES, LABELS, None)
    assert numbers == {
        "images": 5,
        "with_tumour": 0.75,
        "without_tumour": 0.0,
        # Of three that are found, one is on the other side.
        "side": pytest.approx(2 / 3),
        "level_error": None,
        "tumour_auc": None,
    }


def test_a_tumour_in_the_middle_has_no_side():
    labels = LABELS.copy()
    labels[3, 2] = 0.4
    assert numbers_of(IMAGES, labels, None)["side"] == 1


def test_levels_and_tumours_that_the_judge_tells(network):
    numbers = numbers_of(IMAGES, LABELS, network)
    told = tell(IMAGES, network)
    assert numbers["level_error"] == pytest.approx(
        np.abs(told[:, LEVEL] - LABELS[:, 0]).mean(), rel=1e-5
    )
    wins = told[1:, TUMOUR] > told[0, TUMOUR]
    ties = told[1:, TUMOUR] == told[0, TUMOUR]
    assert numbers["tumour_auc"] == pytest.approx((wins + ties / 2).mean())
    assert numbers_of(IMAGES[1:], LABELS[1:], network)["tumour_auc"] is None
    assert numbers_of(IMAGES[1:], LABELS[1:], network)["without_tumour"] is None


def test_what_is_not_known_is_not_judged(network):
    labels = LABELS.copy()
    labels[1:, 1:] = np.nan
    numbers = numbers_of(IMAGES, labels, network)
    assert numbers["without_tumour"] == 0
    assert numbers["level_error"] is not None
    assert {numbers[name] for name in ("with_tumour", "side", "tumour_auc")} == {None}
    untaught = network._replace(weights=network.weights * np.float32([[1], [0]]))
    assert numbers_of(IMAGES, LABELS, untaught)["tumour_auc"] is None


def test_real_slices_without_a_segmentation_are_unknown(tmp_path):
    folder = tmp_path / "held_out"
    folder.mkdir()
    np.save(folder / "images.npy", np.repeat(IMAGES[:1], 4, axis=0))
    rows = [{"image": k, "subject": k, "person": k, "slice": 60, "level": 60.0} for k in range(4)]
    rows[3] |= {"tumour_voxels": 9, "tumour_area": 9.0, "tumour_left": 1.0}
    write_csv(folder / "index.csv", COLUMNS, rows)
    images, labels = read_real(folder)
    assert len(images) == 2
    np.testing.assert_array_equal(np.isnan(labels[:, 1]), [True, False])
    np.save(folder / "images.npy", IMAGES[:2])
    write_csv(folder / "index.csv", COLUMNS, rows[:2])
    with pytest.raises(SynaxialError, match="held_out: is too small"):
        read_real(folder)


def test_a_stack_says_what_was_asked(tmp_path):
    pages = np.repeat(IMAGES[..., None], 3, axis=-1)
    write_stack(
        tmp_path / "a.tif", pages, [described(label, ["level", "tumour"]) for label in LABELS]
    )
    images, labels = read_asked([tmp_path / "a.tif", tmp_path / "a.tif"])
    np.testing.assert_array_equal(images, np.concatenate([IMAGES, IMAGES]))
    np.testing.assert_array_equal(labels[:5, :2], LABELS[:, :2])
    small = [described(LABELS[0], ["level", "tumour"])]
    write_stack(tmp_path / "small.tif", pages[:1, :32, :32], small)
    with pytest.raises(SynaxialError, match=r"small\.tif: its images are 32 pixels wide; expected"):
        read_asked([tmp_path / "a.tif", tmp_path / "small.tif"])
    write_stack(tmp_path / "b.tif", pages, [{} for _ in pages])
    with pytest.raises(SynaxialError, match=r"b\.tif: does not say what was asked"):
        read_asked([tmp_path / "b.tif"])
