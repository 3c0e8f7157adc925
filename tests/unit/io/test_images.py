import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from synaxial.io.images import (
    COLOUR,
    as_grey,
    digest_of_pixels,
    edges,
    evenly_spaced,
    outlined,
    overlap,
)


def test_the_outline_is_the_rim_of_the_mask() -> None:
    inside = np.zeros((1, 6, 7), bool)
    inside[0, 1:5, 1:5] = True
    inside[0, 0:2, 5:] = True
    expected = inside.copy()
    # Enclosed by four neighbours; the picture's own edge is no outline.
    expected[0, 2:4, 2:4] = False
    expected[0, 1, 4] = True
    expected[0, 0, 6] = False
    np.testing.assert_array_equal(edges(inside), expected)


def test_the_image_shows_but_for_the_outline() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 9), np.uint8)
    masks = np.zeros((2, 8, 9), np.uint8)
    masks[0, 2:6, 3:8] = 255
    masks[1] = 127
    kept = images.copy()
    drawn = outlined(images, masks)
    np.testing.assert_array_equal(images, kept)
    rim = edges(masks == 255)
    assert rim.sum() == 14
    assert (drawn[rim] == COLOUR).all()
    np.testing.assert_array_equal(drawn[~rim], np.repeat(images[..., None], 3, axis=3)[~rim])
    np.testing.assert_array_equal(outlined(np.repeat(images[..., None], 3, axis=3), masks), drawn)


def test_half_is_the_border_of_inside() -> None:
    masks = np.full((1, 4, 4), 0, np.uint8)
    masks[0, 1, 1], masks[0, 2, 2] = 128, 127
    rim = outlined(np.zeros((1, 4, 4), np.uint8), masks).any(axis=3)
    assert rim[0, 1, 1]
    assert rim.sum() == 1


def test_evenly_spaced() -> None:
    assert evenly_spaced(48, 8) == [0, 7, 13, 20, 27, 34, 40, 47]
    assert evenly_spaced(3, 8) == [0, 1, 2]
    assert evenly_spaced(1, 8) == [0]


@given(count=st.integers(1, 2000), most=st.integers(2, 50))
def test_chosen_numbers_rise_from_the_first_to_the_last(count: int, most: int) -> None:
    chosen = evenly_spaced(count, most)
    assert len(chosen) == min(count, most)
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    assert all(np.diff(chosen) >= 1)


@given(shift=st.integers(-9, 9), length=st.integers(1, 9), size=st.integers(1, 9))
def test_a_moved_line_keeps_what_overlaps(shift: int, length: int, size: int) -> None:
    kept, places = overlap(shift, length, size)
    line = np.zeros(size, int)
    line[places] = np.arange(1, length + 1)[kept]
    expected = [i - shift + 1 if 0 <= i - shift < length else 0 for i in range(size)]
    np.testing.assert_array_equal(line, expected)


def test_a_wider_edge_is_the_edge_of_what_is_left() -> None:
    inside = np.zeros((1, 8, 8), bool)
    inside[0, 1:7, 1:7] = True
    rim = edges(inside, width=2)
    np.testing.assert_array_equal(rim, edges(inside) | edges(inside & ~edges(inside)))


def test_grey_is_the_mean_of_the_channels() -> None:
    pages = np.array([[[[0, 0, 1], [0, 1, 1], [255, 255, 255], [10, 20, 60]]]], np.uint8)
    np.testing.assert_array_equal(as_grey(pages), [[[0, 1, 255, 30]]])


@given(pages=hnp.arrays(np.uint8, st.tuples(st.just(1), st.just(3), st.just(4), st.just(3))))
def test_grey_is_within_half_of_the_exact_mean(pages: NDArray[np.uint8]) -> None:
    assert np.abs(as_grey(pages) - pages.mean(axis=3)).max() < 0.5


def test_a_digest_is_of_the_shape_and_every_pixel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 64, 64), np.uint8)
    digest = digest_of_pixels(pixels)
    assert digest_of_pixels(pixels.copy()) == digest
    # Not of the order in memory.
    assert digest_of_pixels(np.asfortranarray(pixels)) == digest
    changed = pixels.copy()
    changed[3, 63, 63] ^= 1
    others = [changed, pixels[::-1], pixels[:3], pixels.reshape(4, 32, 128)]
    assert len({digest, *map(digest_of_pixels, others)}) == 5
