import numpy as np
import pytest

from synaxial.data.dataset.overview import make_overview, make_row


def test_a_row_shows_chosen_slices_at_half_size() -> None:
    images = np.zeros((3, 256, 256), np.uint8)
    images[2, :2, :2] = [[10, 20], [30, 40]]
    row = make_row("001", [60, 61, 62], images, 2)
    assert row.slices == [60, 62]
    assert row.images.shape == (2, 128, 128)
    assert row.images[1, 0, 0] == 25
    assert row.images.sum() == 25


@pytest.mark.parametrize("slices", [[60, 61], [5, 6]])
def test_an_overview_holds_each_image_and_labels(slices: list[int]) -> None:
    first = make_row("001", [60, 61], np.full((2, 64, 64), 100, np.uint8), 2)
    second = make_row("002", slices, np.full((2, 64, 64), 200, np.uint8), 2)
    overview = np.asarray(make_overview([first, second], subjects=2, images=4, skipped=1))
    assert (overview == 100).sum() >= 2 * 64 * 64
    assert (overview == 200).sum() >= 2 * 64 * 64
    # Nothing but paper and letters left of the images: the labels of the two rows.
    left = np.flatnonzero((overview == 200).sum(axis=0) >= 64)[0]
    assert (overview[-128:-64, :left] > 100).any()
    assert (overview[-64:, :left] > 100).any()
