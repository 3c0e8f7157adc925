import numpy as np
import pytest
from numpy.typing import NDArray

from synaxial.io.sheets import PAPER, make_sheet


def images(count: int, height: int = 3, width: int = 4) -> NDArray[np.uint8]:
    """Image i is filled with 100 + i."""
    filled = np.empty((count, height, width), np.uint8)
    filled[:] = 100 + np.arange(count, dtype=np.uint8)[:, None, None]
    return filled


def test_a_plain_sheet_is_the_images_and_the_gaps() -> None:
    sheet = np.asarray(make_sheet(images(3), columns=2, gap=1))
    expected = np.full((7, 9), PAPER, np.uint8)
    expected[0:3, 0:4] = 100
    expected[0:3, 5:9] = 101
    expected[4:7, 0:4] = 102
    np.testing.assert_array_equal(sheet, expected)


def test_colours_stay() -> None:
    colours = np.zeros((1, 2, 2, 3), np.uint8)
    colours[..., 1] = 200
    sheet = make_sheet(colours, columns=1)
    assert sheet.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(sheet), colours[0])


def test_no_gap_and_a_row_wider_than_the_images_are_many() -> None:
    assert make_sheet(images(2), columns=3, gap=0).size == (12, 3)


@pytest.mark.parametrize("colour", [False, True])
def test_labels_stand_beside_the_images_and_leave_them_alone(colour: bool) -> None:
    given = images(4, 64, 64)
    if colour:
        given = np.repeat(given[..., None], 3, axis=3)
    sheet = np.asarray(
        make_sheet(
            given,
            columns=2,
            row_labels=["subject one", "two"],
            column_labels=["slice 60", "slice 107"],
            title="A title that is so long that it must be broken into more lines than one of them",
        )
    )
    plain = np.asarray(make_sheet(given, columns=2))
    height, width = plain.shape[:2]
    top, left = sheet.shape[0] - height, 0
    while (sheet[-1, left] != plain[-1, 0]).any():
        left += 1
    np.testing.assert_array_equal(sheet[top:, left : left + width], plain)
    assert (sheet[top : top + 64, :left] > PAPER).any()
    assert (sheet[top + 66 :, :left] > PAPER).any()
    assert (sheet[:top, left:] > PAPER).any()


def test_the_same_images_give_the_same_bytes() -> None:
    first = make_sheet(images(2, 64, 64), columns=2, title="A title")
    second = make_sheet(images(2, 64, 64), columns=2, title="A title")
    assert first.tobytes() == second.tobytes()
