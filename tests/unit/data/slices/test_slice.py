import gzip
import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from synaxial.data.slices.slice import axial_slice, run
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, write_placeholder
from synaxial.io.stacks import read_stack

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
GRID = {"spacing_mm": [1, 1, 1], "orientation": "LPS"}
CONFIGURATION = "slice: {first: 1, last: 2, window: [0, 100]}\nacquire: {on_bad_volume: %s}\n"


def make_volume() -> NDArray[np.int16]:
    """Brain of 100 in the inner columns, its brightest voxel (300) anterior right in slice 1."""
    volume = np.zeros((6, 5, 4), np.int16)
    volume[1:5, 1:4, 1:] = 100
    volume[1, 1, 1] = 300
    volume[4, 3, 2] = 200
    return volume


class Inputs:
    """The files of one subject in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "study.yaml"
        self.volume = folder / "001_flair.nii.gz"
        self.record = folder / "001.json"
        self.output = folder / "out" / "001.tif"
        self.config.write_text(CONFIGURATION % "fail")
        self.write_volume(make_volume())
        self.write_record(brain_voxels_per_slice=[0, 12, 12, 12])

    def write_volume(self, voxels: NDArray[Any], affine: NDArray[np.float64] = LPS) -> None:
        nibabel.save(nibabel.Nifti1Image(voxels, affine), self.volume)

    def write_record(self, **facts: Any) -> None:
        known = {"subject": "001", "person": "1", "origin": "a file", **GRID}
        self.record.write_text(json.dumps({**known, **facts}))

    @property
    def arguments(self) -> list[str | Path]:
        return [
            "data",
            "slice",
            *("--config", self.config),
            *("--volume", self.volume),
            *("--record", self.record),
            *("--output", self.output),
        ]

    def run(self) -> None:
        """Run the command in this process, which is faster than in its own."""
        run(self.volume, self.record, self.output, self.config)

    def nothing_was_written(self) -> bool:
        return not self.output.parent.exists() or not list(self.output.parent.iterdir())


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path)


def test_slices_of_a_volume(inputs: Inputs, run_synaxial: Any) -> None:
    done = run_synaxial(*inputs.arguments)
    assert done.returncode == 0, done.stderr
    stack = read_stack(inputs.output)
    assert stack.pages.shape == (2, 5, 6)
    first = np.zeros((5, 6), np.uint8)
    first[1:4, 1:5] = 1
    second = first.copy()
    first[1, 1] = 255
    second[3, 4] = 128
    np.testing.assert_array_equal(stack.pages, [first, second])
    assert stack.descriptions == [
        {"subject": "001", "person": "1", "slice": 1, "window": [100.0, 300.0]},
        {"subject": "001", "person": "1", "slice": 2, "window": [100.0, 300.0]},
    ]
    content = inputs.output.read_bytes()
    assert run_synaxial(*inputs.arguments).returncode == 0
    assert inputs.output.read_bytes() == content


def test_a_skipped_subject_has_a_placeholder(
    inputs: Inputs, caplog: pytest.LogCaptureFixture
) -> None:
    write_placeholder(inputs.volume)
    inputs.write_record(status="skipped", brain_voxels_per_slice=[])
    inputs.run()
    assert is_placeholder(inputs.output)
    assert "001 is skipped" in caplog.text


def test_wanted_slices_without_brain(
    inputs: Inputs, run_synaxial: Any, assert_clear_error: Any
) -> None:
    inputs.write_record(brain_voxels_per_slice=[12, 12, 0, 0])
    assert_clear_error(run_synaxial(*inputs.arguments), "hold no brain")
    assert inputs.nothing_was_written()
    inputs.config.write_text(CONFIGURATION % "skip")
    done = run_synaxial(*inputs.arguments)
    assert done.returncode == 0, done.stderr
    assert is_placeholder(inputs.output)
    assert "WARNING 001 is skipped" in done.stderr


@pytest.mark.parametrize(
    ("voxels", "affine", "expected"),
    [
        (np.zeros((6, 5, 4), np.int16), LPS, "has no voxel above 0"),
        (make_volume(), np.eye(4), "its axes do not run to the left, to posterior"),
        (make_volume()[..., None, None], LPS, "it has another layout"),
    ],
)
def test_volumes_that_acquire_does_not_write(
    inputs: Inputs,
    voxels: NDArray[Any],
    affine: NDArray[np.float64],
    expected: str,
) -> None:
    inputs.write_volume(voxels, affine)
    with pytest.raises(SynaxialError, match=expected):
        inputs.run()
    assert inputs.nothing_was_written()


def test_damaged_volumes(inputs: Inputs) -> None:
    content = inputs.volume.read_bytes()
    more = gzip.compress(gzip.decompress(content) + b"more")
    for damaged in (content[:-30], content[:20], b"no gzip", b"", more):
        inputs.volume.write_bytes(damaged)
        with pytest.raises(SynaxialError, match=r"001_flair\.nii\.gz: "):
            inputs.run()
    inputs.volume.unlink()
    with pytest.raises(SynaxialError, match=r"001_flair\.nii\.gz: cannot be read"):
        inputs.run()
    assert inputs.nothing_was_written()


def test_records_that_are_none(inputs: Inputs) -> None:
    for text, expected in (
        ('{"origin": "a file"}', "is not the record"),
        ('{"subject": "001", "colour": 3}', "is not the record"),
        ("[]", "a JSON object"),
    ):
        inputs.record.write_text(text)
        with pytest.raises(SynaxialError, match=f"001.json: .*{expected}"):
            inputs.run()
    assert inputs.nothing_was_written()


def test_anterior_right_lands_at_the_top_left() -> None:
    # The axes run to the patient's left, to posterior and to superior.
    volume = np.zeros((4, 3, 2), np.int16)
    volume[0, 0, 1] = 1  # anterior right
    volume[3, 0, 1] = 2  # anterior left
    volume[0, 2, 1] = 3  # posterior right
    np.testing.assert_array_equal(
        axial_slice(volume, 1), [[1, 0, 0, 2], [0, 0, 0, 0], [3, 0, 0, 0]]
    )
    assert not axial_slice(volume, 0).any()
