import numpy as np
import pytest

from synaxial.data.dataset.overview import draw_overview


def rows(subject: str, slices: list[int]) -> list[dict[str, object]]:
    return [{"subject": subject, "slice": at} for at in slices]


def test_large_images_are_shown_at_half_size() -> None:
    images = np.zeros((3, 256, 256), np.uint8)
    images[0], images[2] = 100, 200
    images[2, :2, :2] = [[210, 220], [230, 240]]
    overview = np.asarray(draw_overview(images, rows("001", [60, 61, 62]), skipped=0))
    assert (overview == 100).sum() >= 128 * 128
    assert (overview == 225).any()
    assert not (overview == 240).any()


def test_few_of_many_slices_and_subjects_are_shown() -> None:
    index = [row for name in range(50) for row in rows(f"{name:03}", [*range(20)])]
    images = np.tile(np.arange(20, dtype=np.uint8)[:, None, None], (50, 8, 8))
    overview = np.asarray(draw_overview(images + 100, index, skipped=0))
    # Of 20 slices the first and the last are shown, the second is not; of 50 subjects 40 are.
    for grey, shown in ((100, True), (119, True), (101, False)):
        assert ((overview == grey).sum() >= 40 * 64) == shown


@pytest.mark.parametrize("slices", [[60, 61], [5, 6]])
def test_an_overview_holds_each_image_and_labels(slices: list[int]) -> None:
    images = np.full((4, 64, 64), 100, np.uint8)
    images[2:] = 200
    index = rows("001", [60, 61]) + rows("002", slices)
    overview = np.asarray(draw_overview(images, index, skipped=1))
    assert (overview == 100).sum() >= 2 * 64 * 64
    assert (overview == 200).sum() >= 2 * 64 * 64
    # Nothing but paper and letters left of the images: the labels of the two rows.
    left = np.flatnonzero((overview == 200).sum(axis=0) >= 64)[0]
    assert (overview[-128:-64, :left] > 100).any()
    assert (overview[-64:, :left] > 100).any()
