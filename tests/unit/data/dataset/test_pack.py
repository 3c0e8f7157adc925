import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from synaxial.data.dataset.pack import run
from synaxial.io.errors import SynaxialError
from synaxial.io.files import write_placeholder
from synaxial.io.stacks import write_stack


class Inputs:
    """The images and records of some subjects in a folder; 256 x 256, slices 60 and on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "study.yaml"
        self.config.write_text("resize: {size: 256}\n")
        self.output = folder / "dataset"
        self.images: list[Path] = []

    def add(
        self,
        subject: str,
        grey: int,
        count: int = 2,
        size: int = 256,
        tumour: object = None,
    ) -> None:
        """Add a subject whose image i is filled with `grey` + i; no images is a placeholder."""
        images = self.folder / f"{subject}.tif"
        record = self.folder / f"{subject}.json"
        pages = [np.full((size, size), grey + number, np.uint8) for number in range(count)]
        if pages:
            described = [{"subject": subject, "slice": 60 + number} for number in range(count)]
            write_stack(images, pages, described)
        else:
            write_placeholder(images)
        record.write_text(
            json.dumps(
                {
                    "subject": subject,
                    "person": subject.lower(),
                    "spacing_mm": [0.5, 1.0, 2.0],
                    "orientation": "LPS",
                    "tumour_voxels_per_slice": tumour,
                    "tumour_left_per_slice": None if tumour is None else [0.25] * len(tumour),
                }
            )
        )
        self.images.append(images)

    def run(self) -> None:
        """Run the command in this process."""
        run(self.images, self.folder, self.output, self.config)

    @property
    def arguments(self) -> list[str | Path]:
        return [
            "data",
            "pack",
            *("--config", self.config),
            *("--output", self.output),
            *("--records", self.folder),
            *self.images,
        ]

    def assert_refused(self, expected: str) -> None:
        with pytest.raises(SynaxialError, match=expected):
            self.run()
        assert not self.output.exists() or not list(self.output.iterdir())


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path)


def test_a_data_set(inputs: Inputs, run_synaxial: Any) -> None:
    inputs.add("B", 100, tumour=[*range(200)])
    inputs.add("skipped", 0, count=0)
    inputs.add("A", 10, count=3)
    done = run_synaxial(*inputs.arguments)
    assert done.returncode == 0, done.stderr
    assert "WARNING 1 subjects were skipped: skipped" in done.stderr
    assert sorted(file.name for file in inputs.output.iterdir()) == [
        "dataset.json",
        "images.npy",
        "index.csv",
        "overview.png",
    ]

    images = np.load(inputs.output / "images.npy", mmap_mode="r")
    assert images.shape == (5, 256, 256)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images[:, 0, 0], [100, 101, 10, 11, 12])
    np.testing.assert_array_equal(images, images[:, :1, :1].repeat(256, 1).repeat(256, 2))

    assert (inputs.output / "index.csv").read_text() == (
        "image,subject,person,slice,level,tumour_voxels,tumour_area,tumour_left\n"
        "0,B,b,60,120.0,60,30.0,0.25\n1,B,b,61,122.0,61,30.5,0.25\n"
        "2,A,a,60,120.0,,,\n3,A,a,61,122.0,,,\n4,A,a,62,124.0,,,\n"
    )
    assert len(pandas.read_csv(inputs.output / "index.csv")) == 5

    content = (inputs.output / "images.npy").read_bytes()
    assert json.loads((inputs.output / "dataset.json").read_text()) == {
        "images": 5,
        "size": 256,
        "subjects": ["B", "A"],
        "skipped": ["skipped"],
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def test_the_same_images_give_the_same_bytes(inputs: Inputs) -> None:
    inputs.add("A", 10)
    inputs.run()
    contents = {file.name: file.read_bytes() for file in inputs.output.iterdir()}
    inputs.run()
    assert {file.name: file.read_bytes() for file in inputs.output.iterdir()} == contents


def test_no_subject_left(inputs: Inputs, run_synaxial: Any, assert_clear_error: Any) -> None:
    inputs.add("A", 0, count=0)
    inputs.add("B", 0, count=0)
    assert_clear_error(run_synaxial(*inputs.arguments), "all 2 subjects were skipped (A, B)")
    assert not inputs.output.exists()


def test_images_of_another_size(inputs: Inputs) -> None:
    inputs.add("A", 10)
    inputs.add("B", 10, size=128)
    inputs.assert_refused(r"B\.tif: its pages have the shape \(128, 128\); expected \(256, 256\)")


def test_a_subject_twice(inputs: Inputs) -> None:
    inputs.add("A", 10)
    inputs.images *= 2
    inputs.assert_refused(r"A\.tif: subject A is given twice")


def test_a_subject_without_a_record(inputs: Inputs) -> None:
    inputs.add("A", 10)
    (inputs.folder / "A.json").unlink()
    inputs.assert_refused(r"A\.json: cannot be read")


def test_a_stack_cut_short_leaves_nothing_and_the_old_data_set_stays(inputs: Inputs) -> None:
    inputs.add("A", 10)
    inputs.run()
    contents = {file.name: file.read_bytes() for file in inputs.output.iterdir()}
    inputs.add("B", 20)
    # The headers are whole, the last page's pixels are not: this is met after the first subject
    # has been written.
    whole = inputs.images[1].read_bytes()
    inputs.images[1].write_bytes(whole[:-20])
    with pytest.raises(SynaxialError, match=r"B\.tif: "):
        inputs.run()
    assert {file.name: file.read_bytes() for file in inputs.output.iterdir()} == contents
