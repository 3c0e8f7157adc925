"""Sets read from stacks, and measurements as a file."""

import numpy as np
import pytest

from synaxial.data.image_sets import read_set
from synaxial.evaluation.measurements import digests_in, read_measurements, write_measurements
from synaxial.io.errors import SynaxialError
from synaxial.io.images import digest_of_pixels
from synaxial.io.stacks import write_stack

from ..pairs import add_masks


def write_pages(path, pages, **described):
    write_stack(path, pages, [{**described, "image": number} for number in range(len(pages))])
    return path


def pages_of(count, seed, shape=(64, 64)):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def test_a_set_is_the_first_images_of_its_stacks(tmp_path):
    grey, colour = pages_of(4, 0), pages_of(5, 1, (64, 64, 3))
    stacks = [write_pages(tmp_path / "a.tif", grey), write_pages(tmp_path / "b.tif", colour)]
    images = read_set(stacks, 7)
    np.testing.assert_array_equal(images.pixels[:4], grey)
    np.testing.assert_array_equal(images.pixels[4:], np.rint(colour[:3].mean(axis=3)))
    np.testing.assert_array_equal(images.groups, np.arange(7))
    # A stack that is not needed is not opened.
    assert len(read_set([stacks[0], tmp_path / "absent.tif"], 4)) == 4


def test_images_of_a_person_are_a_group(tmp_path):
    path = tmp_path / "a.tif"
    pages = [{"subject": str(at), "person": person} for at, person in enumerate("xyxz")]
    write_stack(path, pages_of(4, 0), pages)
    np.testing.assert_array_equal(read_set([path], 4).groups, [0, 1, 0, 2])
    write_stack(path, pages_of(4, 0), [{"subject": "x"}] * 4)
    with pytest.raises(SynaxialError, match="names a subject but no person"):
        read_set([path], 4)


def test_sets_that_cannot_be_made_are_refused(tmp_path):
    stacks = [
        write_pages(tmp_path / "a.tif", pages_of(2, 0)),
        write_pages(tmp_path / "b.tif", pages_of(2, 0, (32, 32))),
    ]
    with pytest.raises(SynaxialError, match="hold 2 images; expected 3 or more"):
        read_set(stacks[:1], 3)
    with pytest.raises(SynaxialError, match=r"b.tif: its images have the shape \(32, 32\)"):
        read_set(stacks, 4)


def test_measurements_are_the_same_when_read(tmp_path):
    path = tmp_path / "measurements.npz"
    measured = {"one": {"a": np.arange(3), "b/c": np.eye(2)}, "two": {"a": np.array(True)}}
    write_measurements(path, measured)
    read = read_measurements(path)
    assert {name: set(arrays) for name, arrays in read.items()} == {
        "one": {"a", "b/c"},
        "two": {"a"},
    }
    np.testing.assert_array_equal(read["one"]["b/c"], np.eye(2))
    with pytest.raises(SynaxialError, match="does not say which images were measured"):
        digests_in(read, path)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(SynaxialError, match="damaged"):
        read_measurements(path)


def test_masks_are_no_images_of_a_set(tmp_path):
    stacks = [write_pages(tmp_path / f"{n}.tif", pages_of(4, n, (64, 64, 3))) for n in (0, 1)]
    plain = read_set(stacks, 7)
    for path in stacks:
        add_masks(path)
    found = read_set(stacks, 7)
    np.testing.assert_array_equal(found.pixels, plain.pixels)
    np.testing.assert_array_equal(found.groups, plain.groups)
    assert digest_of_pixels(found.pixels) == digest_of_pixels(plain.pixels)
    with pytest.raises(SynaxialError, match="hold 8 images; expected 9 or more"):
        read_set(stacks, 9)
