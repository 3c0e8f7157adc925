from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from synaxial.config import make_study
from synaxial.config.model import Resize
from synaxial.data.slices.resize import (
    FILTERS,
    Filter,
    centre,
    resample,
    resize_page,
    resize_stack,
    run,
    smallest_part,
)
from synaxial.data.volumes.record import Record, write_record
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, write_placeholder
from synaxial.io.stacks import Stack, read_stack, write_stack

SLICES = np.zeros((2, 240, 240), np.uint8)
SLICES[:, 30:210, 50:190] = 100
SLICES[1, 30, 50] = 255
DESCRIPTIONS = [{"subject": "001", "slice": index, "window": [1.0, 2.0]} for index in (60, 61)]


def write_inputs(folder: Path, settings: str) -> tuple[Path, Path, Path, Path]:
    """Return the paths of the slices and the record (written), the images (not) and the study."""
    config = folder / "study.yaml"
    config.write_text(f"resize: {settings}\n")
    write_stack(folder / "slices.tif", SLICES, DESCRIPTIONS)
    record = folder / "001.json"
    write_record(record, Record(subject="001", person="1", spacing_mm=[1, 1, 1], orientation="LPS"))
    return folder / "slices.tif", record, folder / "out" / "images.tif", config


def arguments(slices: Path, record: Path, images: Path, config: Path) -> list[str | Path]:
    return [
        *("data", "resize", "--config", config, "--slices", slices),
        *("--record", record, "--output", images),
    ]


def test_the_command_resizes_and_keeps_descriptions(tmp_path: Path, run_synaxial: Any) -> None:
    files = write_inputs(tmp_path, "{filter: nearest}")
    done = run_synaxial(*arguments(*files))
    assert done.returncode == 0, done.stderr
    stack = read_stack(files[2])
    assert stack.pages.shape == (2, 256, 256)
    assert stack.descriptions == DESCRIPTIONS
    # Source pixel 30 has the centres 30.47 and 31.4 of 240 / 256 pixels: rows 32 only (32.5 *
    # 0.9375 = 30.47); 50 has column 53 (53.5 * 0.9375 = 50.16).
    assert stack.pages[1, 32, 53] == 255
    assert (stack.pages[0] > 0).any(axis=1).argmax() == 32


def test_padding_leaves_the_pixels_alone(tmp_path: Path) -> None:
    files = write_inputs(tmp_path, "{mode: pad}")
    run(*files)
    expected = np.pad(SLICES, [(0, 0), (8, 8), (8, 8)])
    np.testing.assert_array_equal(read_stack(files[2]).pages, expected)


def test_the_same_slices_give_the_same_bytes(tmp_path: Path) -> None:
    files = write_inputs(tmp_path, "{filter: bicubic}")
    run(*files)
    content = files[2].read_bytes()
    run(*files)
    assert files[2].read_bytes() == content


def test_a_placeholder_gives_a_placeholder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slices, record, images, config = write_inputs(tmp_path, "{}")
    write_placeholder(slices)
    run(slices, record, images, config)
    assert is_placeholder(images)
    assert "a skipped subject" in caplog.text


def test_a_damaged_stack(tmp_path: Path, run_synaxial: Any, assert_clear_error: Any) -> None:
    slices, record, images, config = write_inputs(tmp_path, "{}")
    slices.write_bytes(slices.read_bytes()[:500])
    assert_clear_error(run_synaxial(*arguments(slices, record, images, config)), "slices.tif")
    assert not images.parent.exists()


def test_colour_images_are_refused(tmp_path: Path) -> None:
    slices, record, images, config = write_inputs(tmp_path, "{}")
    write_stack(slices, [np.zeros((4, 4, 3), np.uint8)], [{}])
    with pytest.raises(SynaxialError, match="holds colour images"):
        run(slices, record, images, config)
    assert not images.exists()


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (
            {"size": 8, "field_of_view": 10},
            r"P: images of 10 mm would cut brain off; expected 14 mm or more around the middle of "
            "this volume; set resize.field_of_view to 14 or more",
        ),
        (
            {"size": 10, "mode": "pad"},
            r"P: images of 10 mm would cut brain off; .*set resize.size to 14 or more",
        ),
    ],
)
def test_no_brain_is_cut_off(keys: dict[str, Any], line: str) -> None:
    """The brain's last column is 6 pixels right of the middle of 20, in one slice of two."""
    pages = np.zeros((2, 20, 20), np.uint8)
    pages[0, 8:12, 8:12] = 9
    pages[1, 8:12, 16] = 9
    record = Record(subject="P", person="P", orientation="LPS", spacing_mm=[1.0, 1.0, 1.0])
    slices = Stack(pages, [{}, {}])
    with pytest.raises(SynaxialError, match=line):
        resize_stack(slices, record, make_study({"resize": keys}))
    name = "size" if keys.get("mode") else "field_of_view"
    for width, whole in ((14, True), (13, False)):
        study = make_study({"resize": {**keys, name: width}})
        if whole:
            assert resize_stack(slices, record, study).pages[1].any()
            continue
        with pytest.raises(SynaxialError, match="expected 14 mm or more"):
            resize_stack(slices, record, study)


@given(hnp.arrays(np.bool_, st.integers(1, 30)))
def test_the_smallest_part_is_what_centring_keeps(inside: NDArray[np.bool_]) -> None:
    line = inside[None].astype(np.uint8)
    kept = [centre(line, (1, part)).sum() == line.sum() for part in range(len(inside) + 1)]
    assert smallest_part(inside) == kept.index(True)


IMAGES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)))

#: Source pixels to either side that a filter reads when enlarging (Pillow's documentation of
#: the filters); nearest takes the pixel itself.
SUPPORTS: dict[Filter, float] = {"nearest": 0.5, "bilinear": 1, "bicubic": 2, "lanczos": 3}


def test_an_odd_difference_is_at_the_bottom_and_right() -> None:
    np.testing.assert_array_equal(
        centre(np.array([[1, 2]], np.uint8), (4, 4)),
        [[0, 0, 0, 0], [0, 1, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    )
    np.testing.assert_array_equal(
        centre(np.arange(1, 17, dtype=np.uint8).reshape(4, 4), (1, 1)),
        [[6]],
    )


def test_one_axis_is_cropped_and_the_other_padded() -> None:
    cropped = centre(np.array([[1, 2, 3, 4]], np.uint8), (2, 2))
    np.testing.assert_array_equal(cropped, [[2, 3], [0, 0]])


@given(image=IMAGES, larger=st.integers(0, 20))
def test_padding_then_cropping_is_the_identity(image: NDArray[np.uint8], larger: int) -> None:
    height, width = image.shape
    padded = centre(image, (height + larger, width + 2 * larger))
    assert padded.sum() == image.sum()
    np.testing.assert_array_equal(centre(padded, (height, width)), image)


@given(height=st.integers(1, 40), width=st.integers(1, 40), size=st.integers(1, 80))
@pytest.mark.parametrize("kernel", FILTERS)
def test_zero_stays_zero(kernel: Filter, height: int, width: int, size: int) -> None:
    resized = resample(np.zeros((height, width), np.uint8), size, kernel)
    assert resized.shape == (size, size)
    assert resized.dtype == np.uint8
    assert not resized.any()


@pytest.mark.parametrize("kernel", FILTERS)
def test_an_image_of_the_size_stays_itself(kernel: Filter) -> None:
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(resample(image, 8, kernel), image)


def test_twice_as_large_by_hand() -> None:
    image = np.array([[0, 100], [200, 100]], np.uint8)
    np.testing.assert_array_equal(
        resample(image, 4, "nearest"), image.repeat(2, axis=0).repeat(2, axis=1)
    )
    # The new centres lie a quarter of a pixel from the old ones: weights 3/4 and 1/4, and at the
    # border only the one pixel.
    np.testing.assert_array_equal(
        resample(np.array([[0, 100], [0, 100]], np.uint8), 4, "bilinear")[0], [0, 25, 75, 100]
    )


def test_the_head_is_not_stretched() -> None:
    image = np.full((10, 6), 200, np.uint8)
    resized = resize_page(image, Resize(size=20, filter="nearest"), (10, 10))
    np.testing.assert_array_equal(np.flatnonzero(resized.any(axis=0)), np.arange(4, 16))
    assert resized.any(axis=1).all()


@pytest.mark.parametrize("kernel", FILTERS)
@given(
    brain=hnp.arrays(np.uint8, (6, 5), elements=st.integers(1, 255)),
    corner=st.tuples(st.integers(0, 18), st.integers(0, 19)),
    size=st.integers(8, 64),
)
def test_far_from_the_brain_all_is_exactly_0(
    kernel: Filter, brain: NDArray[np.uint8], corner: tuple[int, int], size: int
) -> None:
    image = np.zeros((24, 24), np.uint8)
    top, left = corner
    image[top : top + 6, left : left + 5] = brain
    resized = resample(image, size, kernel)
    scale = 24 / size
    # A reducing filter is as much wider as the image becomes smaller.
    support = SUPPORTS[kernel] * max(scale, 1.0)
    centres = (np.arange(size) + 0.5) * scale
    # Pillow takes the pixels whose centres lie within the support, to the nearest pixel: half a
    # pixel more on either side.
    far_rows = (centres < top - support - 0.5) | (centres > top + 6 + support + 0.5)
    far_columns = (centres < left - support - 0.5) | (centres > left + 5 + support + 0.5)
    assert not resized[far_rows].any()
    assert not resized[:, far_columns].any()
