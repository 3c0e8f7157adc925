"""Masks packed in the order of a data set's images."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaxial.data.dataset.pack import run as pack
from synaxial.data.dataset.pack_masks import run
from synaxial.data.dataset.reading import open_masks
from synaxial.data.prepared.memory import Memory, remember
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_placeholder
from synaxial.io.stacks import write_stack

SIZE = 8
SLICES = range(60, 63)


class Study:
    """A data set of subjects B and A, in this order, one that was skipped, and their masks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = folder / "dataset"
        self.masks = [folder / "masks" / f"{name}.tif" for name in ("B", "skipped", "A")]
        (folder / "study.yaml").write_text(f"resize: {{size: {SIZE}}}\n")
        for name, grey in {"B": 10, "A": 20}.items():
            pages = np.full((len(SLICES), SIZE, SIZE), grey, np.uint8)
            described = [{"subject": name, "slice": index} for index in SLICES]
            write_stack(folder / f"{name}.tif", pages, described)
            self.write_masks(name)
        write_placeholder(folder / "skipped.tif")
        write_placeholder(self.masks[1])
        names = ("B", "skipped", "A")
        for name in names:
            record = {"subject": name, "person": name}
            record |= {"spacing_mm": [1, 1, 1], "orientation": "LPS"}
            (folder / f"{name}.json").write_text(json.dumps(record))
        pack(
            [folder / f"{name}.tif" for name in names],
            folder,
            self.dataset,
            folder / "study.yaml",
        )

    def write_masks(self, name: str, size: int = SIZE, slices: range = SLICES) -> None:
        """Write a mask of a different row for each slice of each subject."""
        pages = np.zeros((len(slices), size, size), np.uint8)
        for number in range(len(slices)):
            pages[number, number + 3 * (name == "A")] = 255
        described = [{"subject": name, "slice": index, "channel": "mask"} for index in slices]
        write_stack(self.folder / "masks" / f"{name}.tif", pages, described)

    def refused(self, expected: str) -> None:
        with pytest.raises(SynaxialError, match=expected):
            run(self.masks, self.dataset)
        assert not list(self.dataset.glob("*masks*"))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_masks_are_in_the_order_of_the_images(study: Study, run_synaxial: Any) -> None:
    before = {path.name: path.read_bytes() for path in study.dataset.iterdir()}
    done = run_synaxial("data", "pack-masks", "--dataset", study.dataset, *study.masks)
    assert done.returncode == 0, done.stderr
    masks = np.load(study.dataset / "masks.npy")
    assert (masks.shape, masks.dtype) == ((6, SIZE, SIZE), np.uint8)
    np.testing.assert_array_equal(masks[:, :, 0], np.eye(6, SIZE, dtype=np.uint8) * 255)
    np.testing.assert_array_equal(masks, open_masks(study.dataset))
    digests = [
        hashlib.sha256((study.dataset / name).read_bytes()).hexdigest()
        for name in ("masks.npy", "images.npy")
    ]
    assert json.loads((study.dataset / "masks.json").read_text()) == {
        "images": 6,
        "size": SIZE,
        "sha256": digests[0],
        "images_sha256": digests[1],
    }
    # The data set itself stays as it was.
    for name, content in before.items():
        assert (study.dataset / name).read_bytes() == content


def test_a_subject_that_slice_skipped_is_passed_over(study: Study) -> None:
    study.write_masks("skipped")
    run(study.masks, study.dataset)
    assert len(open_masks(study.dataset)) == 6


def test_the_order_of_the_masks_does_not_matter(study: Study) -> None:
    run(study.masks, study.dataset)
    masks = (study.dataset / "masks.npy").read_bytes()
    study.masks.reverse()
    run(study.masks, study.dataset)
    assert (study.dataset / "masks.npy").read_bytes() == masks


def test_masks_of_other_subjects_are_left_out(study: Study) -> None:
    study.write_masks("C")
    study.masks.append(study.folder / "masks" / "C.tif")
    run(study.masks, study.dataset)
    assert len(open_masks(study.dataset)) == 6


def test_a_missing_subject_is_named(study: Study) -> None:
    del study.masks[2]
    study.refused("MASKS: lack A.tif")


def test_a_subject_without_a_segmentation_is_named(study: Study) -> None:
    write_placeholder(study.masks[2])
    study.refused("A: no masks; expected a segmentation that can be used for each subject")


def test_the_error_says_why_if_that_is_remembered(study: Study) -> None:
    for number, name in ((0, "B"), (2, "A")):
        write_placeholder(study.masks[number])
        remember(study.folder, name, Memory(no_masks="the tumour is cut"))
    with pytest.raises(SynaxialError, match=r"^B, A: no masks \(the tumour is cut\); expected"):
        run(study.masks, study.dataset, study.folder)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"size": 9}, r"\(9, 9\); expected \(8, 8\)"),
        ({"slices": range(61, 64)}, r"B.tif: has masks of the slices \[61, 62, 63\]"),
        ({"slices": range(60, 64)}, r"B.tif: has masks of the slices \[60, 61, 62, 63\]"),
    ],
)
def test_masks_that_do_not_fit_the_images_are_refused(
    study: Study, options: dict[str, Any], expected: str
) -> None:
    study.write_masks("B", **options)
    study.refused(expected)


def test_images_that_were_exchanged_are_refused(study: Study) -> None:
    np.save(study.dataset / "images.npy", np.ones((6, SIZE, SIZE), np.uint8))
    study.refused(r"dataset\.json: describes another images\.npy")


def test_the_same_masks_give_the_same_bytes(study: Study) -> None:
    run(study.masks, study.dataset)
    contents = {path.name: path.read_bytes() for path in study.dataset.iterdir()}
    run(study.masks, study.dataset)
    assert {path.name: path.read_bytes() for path in study.dataset.iterdir()} == contents
