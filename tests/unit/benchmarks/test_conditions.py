"""Whether images show what was asked: the numbers and tables of docs/results/asked."""

import json

import numpy as np
import pytest
from benchmarks.conditions import numbers, pictures
from PIL import Image

from ...conftest import ROOT

PAGE = ROOT / "docs" / "results" / "asked"


def head(*bright):
    """A round head of 64 x 64 pixels, brighter in some squares: row, column, width."""
    rows, columns = np.indices((64, 64)) - 31.5
    image = np.where(rows**2 + columns**2 < 28**2, 90, 0).astype(np.uint8)
    for row, column, width in bright:
        image[row : row + width, column : column + width] = 230
    return image


def labels(*asked):
    return np.array(asked, np.float32)


def test_the_numbers_are_shares_of_what_was_asked():
    """Level, tumour, side and size: on the left, on the right, on the left but missed, none."""
    pixels = np.stack([head((20, 40, 10)), head((20, 12, 10)), head(), head((30, 40, 6))])
    asked = labels((70, 1, 1, 20), (80, 1, -1, 20), (90, 1, 1, 20), (90, 0, 0, 0))
    own = np.zeros(pixels.shape, bool)
    own[3, :4, :4] = True
    found = pixels > 200
    # Both sides of the second image: most of it on the wrong one.
    found[1, 20:40, 40:60] = True
    measured = numbers.measure(numbers.Asked(pixels, asked, own), found, None)
    assert measured["found_with_tumour"] == pytest.approx(2 / 3)
    assert measured["found_without_tumour"] == 1
    assert measured["found_side"] == 1 / 2
    # 16 pixels are no tumour.
    assert measured["mask_without_tumour"] == 0
    assert measured["level_error"] is None


def test_the_size_of_a_pixel_is_that_of_real_slices():
    """Squares of 10 and 20 pixels of 2 mm; generated ones are 10 % too large, one is empty."""
    masks = np.zeros((3, 64, 64), bool)
    masks[0, :10, :10] = masks[1, :20, :20] = True
    exact = 2 * 2 * np.array([10, 20]) / np.sqrt(np.pi)
    real = labels((70, 1, 1, exact[0]), (80, 1, 1, exact[1]), (90, 0, 0, 0))
    smaller = real / np.float32(1.1)
    smaller[2] = 90, 1, 1, 30
    pixels = np.zeros(masks.shape, np.uint8)
    errors = numbers.size_errors(
        numbers.Asked(pixels, smaller, masks), numbers.Asked(pixels, real, masks)
    )
    assert errors["real"] == pytest.approx(0, abs=1e-5)
    assert errors["generated"] == pytest.approx((exact * (1 - 1 / 1.1)).mean(), rel=1e-5)


def test_the_right_half_of_the_picture_is_the_patients_left():
    image = head()
    on_the_right = np.zeros(image.shape, bool)
    on_the_right[:, 40:] = True
    assert numbers.is_on_left(image, on_the_right)
    assert not numbers.is_on_left(image, on_the_right[:, ::-1])
    assert not numbers.is_on_left(image, np.zeros(image.shape, bool))


def test_copies_of_training_images_are_not_shown():
    training = np.stack([head((20, 40, 10)), head((44, 30, 8))])
    other = head((10, 10, 6), (40, 20, 20))
    near = pictures.are_too_near(np.stack([training[1][:, ::-1], other]), training, 0.999)
    assert near.tolist() == [True, False]


def test_a_sheet_has_the_images_without_their_borders(tmp_path):
    pixels = np.full((4, 256, 256), 7, np.uint8)
    pixels[:, :16] = 255
    pictures.write_sheet(tmp_path / "sheet.png", pixels, 2)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * 224 + 2, 2 * 176 + 2)
    assert sheet.max() < 255


def test_the_pages_tables_are_of_its_numbers():
    held = json.loads((PAGE / "conditions.json").read_text())
    page = (PAGE / "README.md").read_text()
    assert numbers.table_of_conditions(held["conditions"]) in page
    assert numbers.table_of_neighbours(held["neighbours"]) in page
