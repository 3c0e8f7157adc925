"""The images and masks of a data set, read again."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from synaxial.data.dataset.reading import describe_images, open_images, open_masks
from synaxial.io.errors import SynaxialError
from synaxial.io.files import sha256_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write five images with masks, as `synaxial data pack` and `pack-masks` do."""
    np.save(tmp_path / "images.npy", np.arange(5 * 16, dtype=np.uint8).reshape(5, 4, 4))
    np.save(tmp_path / "masks.npy", 255 * (np.arange(80, dtype=np.uint8).reshape(5, 4, 4) % 3 // 2))
    digest = sha256_of(tmp_path / "images.npy")
    (tmp_path / "dataset.json").write_text(json.dumps({"images": 5, "size": 4, "sha256": digest}))
    describe_masks(tmp_path)
    return tmp_path


def describe_masks(folder: Path) -> None:
    """Write masks.json of the masks that are there."""
    content = {
        "images": 5,
        "size": 4,
        "sha256": sha256_of(folder / "masks.npy"),
        "images_sha256": sha256_of(folder / "images.npy"),
    }
    (folder / "masks.json").write_text(json.dumps(content))


def test_images_are_described(folder: Path) -> None:
    assert describe_images(folder) == {
        "images": 5,
        "size": 4,
        "sha256": sha256_of(folder / "images.npy"),
    }


def test_another_pixel_is_another_data_set(folder: Path) -> None:
    images = np.load(folder / "images.npy")
    images[3, 1, 2] ^= 1
    np.save(folder / "images.npy", images)
    with pytest.raises(SynaxialError, match=r"dataset\.json: describes another images\.npy"):
        describe_images(folder)


def test_images_that_are_gone_are_named(folder: Path) -> None:
    (folder / "images.npy").unlink()
    with pytest.raises(SynaxialError, match=r"images\.npy: cannot be read"):
        describe_images(folder)


def test_masks_are_mapped(folder: Path) -> None:
    masks = open_masks(folder)
    assert (masks.shape, masks.dtype) == ((5, 4, 4), np.uint8)
    assert set(np.unique(masks)) == {0, 255}
    assert isinstance(masks, np.memmap)
    assert not masks.flags.writeable


@pytest.mark.parametrize("shape", [(5, 16), (5, 4, 2, 2), (5, 2, 8), (0, 4, 4)])
def test_what_is_no_array_of_images_is_refused(folder: Path, shape: tuple[int, ...]) -> None:
    np.save(folder / "images.npy", np.zeros(shape, np.uint8))
    with pytest.raises(SynaxialError, match=rf"uint8 of shape {re.escape(str(shape))}"):
        open_images(folder / "images.npy")
    np.save(folder / "images.npy", np.zeros((5, 4, 4), np.int16))
    with pytest.raises(SynaxialError, match="int16 of shape"):
        open_images(folder / "images.npy")


def test_other_masks_are_refused(folder: Path) -> None:
    np.save(folder / "masks.npy", np.load(folder / "masks.npy")[::-1].copy())
    with pytest.raises(SynaxialError, match=r"is not the file that masks\.json describes"):
        open_masks(folder)


def test_masks_of_other_images_are_refused(folder: Path) -> None:
    np.save(folder / "images.npy", np.load(folder / "images.npy")[::-1].copy())
    description = {"images": 5, "size": 4, "sha256": sha256_of(folder / "images.npy")}
    (folder / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(SynaxialError, match=r"masks\.json: belongs to other images"):
        open_masks(folder)


@pytest.mark.parametrize("name", ["masks.npy", "masks.json", "dataset.json"])
def test_an_absent_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(SynaxialError, match=rf"{name}: cannot be read"):
        open_masks(folder)
