"""The sets that generated images are read beside: which images they have, and that they say so."""

import json

import numpy as np
import pytest

from synaxial.config.model import Evaluate
from synaxial.data.dataset.reading import COLUMNS
from synaxial.evaluation import controls
from synaxial.evaluation.controls import make_control
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_csv
from synaxial.io.images import ImageSet
from synaxial.io.stacks import read_stack

KINDS = ("reference", "real", "copies", "warped", "blurred", "grid", "noise")


def images_of(subjects, slices, seed):
    """Smooth blobs on black, each its own."""
    generator = np.random.default_rng(seed)
    places = np.indices((64, 64)) - 32
    head = np.hypot(*places) < 28
    count = subjects * slices
    grey = generator.integers(60, 200, (count, 1, 1)) + generator.normal(0, 9, (count, 64, 64))
    pixels = np.where(head, grey, 0).clip(0, 255).astype(np.uint8)
    return ImageSet(pixels, np.repeat(np.arange(subjects, dtype=np.int64), slices))


TRAINING, HELD_OUT = images_of(3, 10, 0), images_of(5, 8, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_all_sets_have_as_many_images(kind):
    for most, expected in ((100, 16), (10, 10)):
        control = make_control(kind, TRAINING, HELD_OUT, Evaluate(), most)
        assert control.images.pixels.shape == (expected, 64, 64)
        assert control.images.pixels.dtype == np.uint8
        again = make_control(kind, TRAINING, HELD_OUT, Evaluate(), most)
        np.testing.assert_array_equal(again.images.pixels, control.images.pixels)
    assert len(make_control(kind, TRAINING, HELD_OUT, Evaluate(images=7), 100).images) == 7


def test_reference_and_real_are_of_different_subjects():
    made = {kind: make_control(kind, TRAINING, HELD_OUT, Evaluate(), 100) for kind in KINDS}
    subjects = {kind: set(HELD_OUT.groups[control.origin]) for kind, control in made.items()}
    assert subjects["reference"] == {0, 2, 4}
    assert subjects["real"] == subjects["blurred"] == subjects["grid"] == {1, 3}
    # As many of each subject, as far as that goes.
    assert set(np.bincount(made["reference"].images.groups)[[0, 2, 4]]) <= {5, 6}
    real = made["real"].images.pixels
    np.testing.assert_array_equal(real, HELD_OUT.pixels[made["real"].origin])


def test_copies_are_training_images_and_none_is_there_twice():
    control = make_control("copies", TRAINING, HELD_OUT, Evaluate(), 12)
    assert len(set(control.origin)) == 12
    np.testing.assert_array_equal(control.origin, np.sort(control.origin))
    np.testing.assert_array_equal(control.images.groups, TRAINING.groups[control.origin])
    np.testing.assert_array_equal(control.images.pixels, TRAINING.pixels[control.origin])
    other = make_control("copies", TRAINING, HELD_OUT, Evaluate(seed=12), 12)
    assert set(other.origin) != set(control.origin)


def test_warped_copies_are_the_copies_moved_by_two_pixels_of_256():
    side = 128
    down, right = np.indices((side, side))
    head = np.hypot(down - 64, right - 64) < 50
    slopes = np.where(head, np.stack([down, right]), 0).astype(np.uint8)
    stars = np.repeat(slopes, 40, axis=0)
    warped = controls.warped(ImageSet(stars, np.arange(80)), seed=3).pixels
    inside = np.hypot(down - 64, right - 64) < 40
    # The grey level of a slope of 1 a pixel tells the displacement along it: half of 2 pixels of
    # 256 in each direction, as a root mean square, and the root of that.
    moves = (warped.astype(float) - stars)[:, inside]
    assert np.sqrt((moves**2).mean()) == pytest.approx(1 / np.sqrt(2), rel=0.2)
    # Neighbours move together, and each image in its own way.
    along = np.diff(warped.astype(float) - stars, axis=2)[:, :, :][
        :, inside[:, 1:] & inside[:, :-1]
    ]
    assert np.abs(along).mean() < 0.35
    assert (warped[0] != warped[1]).any()
    assert not warped[:, np.hypot(down - 64, right - 64) > 56].any()


def test_warped_copies_are_of_the_copied_images():
    sets = [make_control(kind, TRAINING, HELD_OUT, Evaluate(), 12) for kind in ("copies", "warped")]
    np.testing.assert_array_equal(sets[0].origin, sets[1].origin)
    assert (sets[0].images.pixels != sets[1].images.pixels).any(axis=(1, 2)).all()


def write_dataset(folder, images, name):
    folder.mkdir()
    np.save(folder / "images.npy", images.pixels)
    rows = [
        {
            "image": number,
            **dict.fromkeys(("subject", "person"), f"{name}_{group}"),
            "slice": number,
            "level": float(number),
        }
        for number, group in enumerate(images.groups)
    ]
    write_csv(folder / "index.csv", COLUMNS, rows)
    return folder


@pytest.fixture
def arguments(tmp_path):
    (tmp_path / "study.yaml").write_text("{sample: {stacks: 1, images: 12}}")
    return {
        "--config": tmp_path / "study.yaml",
        "--training": write_dataset(tmp_path / "training", TRAINING, "other"),
        "--held-out": write_dataset(tmp_path / "held_out", HELD_OUT, "subject"),
        "--output": tmp_path / "images.tif",
    }


def words(arguments, kind):
    return [
        "evaluate",
        "controls",
        "--kind",
        kind,
        *(word for pair in arguments.items() for word in pair),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_writes_a_stack_that_says_what_it_is(arguments, run_here, kind):
    run_here(words(arguments, kind))
    stack = read_stack(arguments["--output"])
    assert stack.pages.shape == (12, 64, 64)
    described = stack.descriptions[0]
    assert described["control"] == kind
    assert described.get("subject", "none").startswith(
        {"noise": "none", "copies": "other_", "warped": "other_"}.get(kind, "subject_")
    )


def no_index(folder):
    (folder / "index.csv").unlink()


def other_index(folder):
    (folder / "index.csv").write_text("a,b\n1,2\n")


def short_index(folder):
    lines = (folder / "index.csv").read_text().splitlines()
    (folder / "index.csv").write_text("\n".join(lines[:-1]))


def few_subjects(folder):
    text = (folder / "index.csv").read_text()
    for number in (1, 2, 3, 4):
        text = text.replace(f"subject_{number}", "subject_0")
    (folder / "index.csv").write_text(text)


def other_size(folder):
    np.save(folder / "images.npy", HELD_OUT.pixels[:, ::2, ::2])


def same_people(folder):
    text = (folder / "index.csv").read_text()
    (folder / "index.csv").write_text(text.replace("subject_", "other_"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_index, "index.csv"),
        (other_index, "has the columns a, b; expected image, subject"),
        (short_index, "names 39 images, but images.npy holds 40"),
        (few_subjects, "1 held-out people, expected 4 or more"),
        (other_size, "(32, 32)"),
        (same_people, "shares 3 people with"),
    ],
)
def test_a_bad_data_set_is_refused(arguments, run_here, spoil, said):
    spoil(arguments["--held-out"])
    with pytest.raises(SynaxialError) as refused:
        run_here(words(arguments, "real"))
    assert said in str(refused.value)
    assert not arguments["--output"].exists()


def test_a_bad_data_set_is_one_clear_line(arguments, run_synaxial, assert_clear_error):
    few_subjects(arguments["--held-out"])
    done = run_synaxial(*words(arguments, "real"))
    assert_clear_error(done, "1 held-out people, expected 4 or more")


def test_an_unknown_set_is_refused(arguments, run_synaxial):
    done = run_synaxial(*words(arguments, "imagined"))
    assert done.returncode == 2
    assert "imagined" in done.stderr
    assert json.dumps("reference")[1:-1] in done.stderr


@pytest.fixture
def images():
    pixels = np.random.default_rng(1).integers(0, 256, (9, 64, 64), dtype=np.uint8)
    pixels[:, :16] = 0
    return ImageSet(pixels, np.arange(9) // 3)


def test_blur_keeps_the_mean_and_takes_the_details(images):
    blurred = controls.blurred(images, 1.5)
    assert blurred.pixels.dtype == np.uint8
    np.testing.assert_array_equal(blurred.groups, images.groups)
    assert blurred.pixels.mean() == pytest.approx(images.pixels.mean(), rel=0.02)
    # White noise blurred by a Gaussian keeps 1 / (4 π s²) of its variance.
    kept = blurred.pixels[:, 26:].var() / images.pixels[:, 26:].var()
    assert kept == pytest.approx(1 / (4 * np.pi * 1.5**2), rel=0.15)
    # Each image is blurred separately.
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
