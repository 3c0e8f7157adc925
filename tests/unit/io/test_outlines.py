import numpy as np

from synaxial.io.outlines import COLOUR, edges, outlined


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
