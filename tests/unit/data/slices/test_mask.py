"""Masks of the slices, at the images' size."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from synaxial.data.slices.mask import run
from synaxial.data.slices.resize import run as resize
from synaxial.data.slices.slice import run as cut
from synaxial.data.volumes.acquire import run as acquire
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder, write_placeholder
from synaxial.io.stacks import read_stack

BRATS = Path(__file__).parents[5] / "shared" / "data" / "brats"

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def make_labels() -> np.ndarray:
    """Return 12 x 16 x 5 labels: nothing in slice 0, an L of three labels in the others."""
    labels = np.zeros((12, 16, 5), np.uint8)
    labels[2:5, 3:11, 1:] = 2
    labels[5:9, 9:11, 1:] = 1
    labels[3, 4, 1:] = 4
    return labels


class Subject:
    """The segmentation and record of one subject, and a study, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "study.yaml"
        self.segmentation = folder / "001_seg.nii.gz"
        self.record = folder / "001.json"
        self.output = folder / "out" / "001.tif"
        self.configure(resize={"size": 16})
        self.write_labels(make_labels())
        self.write_record()

    def configure(self, policy: str = "fail", last: int = 2, **sections: Any) -> None:
        study = {
            "slice": {"first": 0, "last": last},
            "acquire": {"on_bad_volume": policy, "volume": {"shape": [12, 16, 5]}},
            **sections,
        }
        self.config.write_text(json.dumps(study))

    def write_labels(self, labels: np.ndarray) -> None:
        nibabel.save(nibabel.Nifti1Image(labels, LPS), self.segmentation)

    def write_record(self, **facts: Any) -> None:
        counts = np.count_nonzero(make_labels(), axis=(0, 1)).tolist()
        facts = {
            "subject": "001",
            "person": "1",
            "origin": "a file",
            "spacing_mm": [1, 1, 1],
            "orientation": "LPS",
            "brain_voxels_per_slice": [100] * 5,
            "tumour_voxels_per_slice": counts,
            **facts,
        }
        self.record.write_text(json.dumps(facts))

    def run(self) -> None:
        run(self.segmentation, self.record, self.output, self.config)

    def refused(self, expected: str) -> str:
        with pytest.raises(SynaxialError, match=expected) as caught:
            self.run()
        assert not self.output.parent.exists() or not list(self.output.parent.iterdir())
        return str(caught.value)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return Subject(tmp_path)


def test_at_native_size_the_mask_is_the_segmentation(subject: Subject, run_synaxial: Any) -> None:
    done = run_synaxial(
        *("data", "mask", "--config", subject.config, "--segmentation", subject.segmentation),
        *("--record", subject.record, "--output", subject.output),
    )
    assert done.returncode == 0, done.stderr
    stack = read_stack(subject.output)
    # 12 columns are centred on 16; the first row is the most anterior.
    expected = np.zeros((3, 16, 16), np.uint8)
    expected[1:, 3:11, 4:7] = 255
    expected[1:, 9:11, 7:11] = 255
    np.testing.assert_array_equal(stack.pages, expected)
    assert stack.descriptions == [
        {"subject": "001", "person": "1", "slice": index, "channel": "mask"} for index in range(3)
    ]


@pytest.mark.parametrize("kernel", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_twice_the_size_is_binary_and_in_place(subject: Subject, kernel: str) -> None:
    subject.configure(resize={"size": 32, "filter": kernel})
    subject.run()
    pages = read_stack(subject.output).pages
    assert set(np.unique(pages)) == {0, 255}
    assert not pages[0].any()
    # Each pixel became four, but for the corners, of which a smooth filter rounds one pixel.
    exact = np.zeros((32, 32), np.uint8)
    exact[6:22, 8:14] = 255
    exact[18:22, 14:22] = 255
    different = np.argwhere(pages[1] != exact)
    assert len(different) <= 6
    corners = np.array([[6, 8], [6, 13], [21, 8], [21, 21], [18, 21], [17, 14]])
    for place in different:
        assert (np.abs(corners - place).max(axis=1) <= 1).any(), place


def test_half_of_a_pixel_is_inside(subject: Subject) -> None:
    labels = np.zeros((12, 16, 5), np.uint8)
    # Halved by a box: pixels that are full, and ones that are exactly half and a quarter tumour.
    labels[0:4, 0:4] = 1
    labels[4, 0:4] = 1
    labels[4:6, 8] = 1
    labels[8, 12] = 1
    subject.write_labels(labels)
    subject.write_record(tumour_voxels_per_slice=np.count_nonzero(labels, axis=(0, 1)).tolist())
    subject.configure(resize={"size": 8, "filter": "nearest"})
    subject.run()
    assert set(np.unique(read_stack(subject.output).pages)) == {0, 255}
    subject.configure(resize={"size": 8, "filter": "bilinear"})
    subject.run()
    page = read_stack(subject.output).pages[0]
    assert (page[:2, 1:3] == 255).all()
    assert page[6, 5] == 0
    # The share of tumour stays about what it was: 20 + 2 + 1 voxels of four a pixel.
    assert 4 <= np.count_nonzero(page) <= 7


def test_padding_leaves_the_mask_alone(subject: Subject) -> None:
    subject.configure(resize={"size": 20, "mode": "pad"})
    subject.run()
    native = (make_labels()[:, :, 1].T > 0) * np.uint8(255)
    page = read_stack(subject.output).pages[1]
    np.testing.assert_array_equal(page, np.pad(native, [(2, 2), (4, 4)]))


def test_a_skipped_subject_gives_a_placeholder(
    subject: Subject, caplog: pytest.LogCaptureFixture
) -> None:
    subject.write_record(status="skipped")
    write_placeholder(subject.segmentation)
    subject.run()
    assert is_placeholder(subject.output)
    assert "001 is skipped" in caplog.text


def test_an_unknown_segmentation_is_one_clear_error(
    subject: Subject, run_synaxial: Any, assert_clear_error: Any
) -> None:
    write_placeholder(subject.segmentation)
    subject.write_record(tumour_voxels_per_slice=None)
    done = run_synaxial(
        *("data", "mask", "--config", subject.config, "--segmentation", subject.segmentation),
        *("--record", subject.record, "--output", subject.output),
    )
    assert_clear_error(done, "001: has no segmentation; expected one for each subject")
    assert "leave it out of acquire.subjects" in done.stderr
    subject.write_record(warnings=["its segmentation: holds labels 7"])
    subject.refused(r"001: has no segmentation \(its segmentation: holds labels 7\); expected")


def test_without_the_wanted_slices_it_is_as_in_slice(subject: Subject) -> None:
    subject.configure(last=5, resize={"size": 16})
    subject.refused(
        "5 axial slices, 1 mm apart, up to a level of 4 mm; expected slices at levels of 0 to 5"
    )
    subject.configure("skip", last=5, resize={"size": 16})
    subject.run()
    assert is_placeholder(subject.output)


def test_the_same_labels_give_the_same_bytes(subject: Subject) -> None:
    subject.run()
    content = subject.output.read_bytes()
    subject.run()
    assert subject.output.read_bytes() == content


@pytest.mark.skipif(not BRATS.is_dir(), reason="needs ../shared/data/brats")
@pytest.mark.parametrize("size", [240, 256])
@pytest.mark.parametrize("name", ["BraTS20_Training_001", "BraTS20_Training_002"])
def test_masks_of_real_volumes_lie_on_the_tumour(tmp_path: Path, name: str, size: int) -> None:
    """In FLAIR oedema and tumour are brighter than the rest of the brain."""
    config = tmp_path / "study.yaml"
    source = {"source": "directory", "subjects": "all", "directory": {"path": str(BRATS)}}
    config.write_text(json.dumps({"acquire": source, "resize": {"size": size}}))
    acquire(config=config, subject=name, fetched=tmp_path, output=tmp_path)
    record = tmp_path / f"{name}.json"
    cut(tmp_path / f"{name}_flair.nii.gz", record, tmp_path / "slices.tif", config)
    resize(tmp_path / "slices.tif", record, tmp_path / "images.tif", config)
    run(tmp_path / f"{name}_seg.nii.gz", record, tmp_path / "masks.tif", config)
    images, masks = read_stack(tmp_path / "images.tif"), read_stack(tmp_path / "masks.tif")
    assert [page["slice"] for page in images.descriptions] == [
        page["slice"] for page in masks.descriptions
    ]
    inside, brain = masks.pages == 255, images.pages > 0
    # All but the rim, which resampling may move by half a pixel, is brain.
    assert (inside & ~brain).sum() < 0.005 * inside.sum()
    tumours = [n for n in range(len(inside)) if inside[n].sum() > 200]
    assert len(tumours) > 20
    means = [(images.pages[n][inside[n]].mean(), images.pages[n][brain[n]].mean()) for n in tumours]
    assert all(tumour > head for tumour, head in means)
    # Mirrored it lies on the healthy side, which is darker.
    mirrored = inside[:, :, ::-1] & ~inside & brain
    assert images.pages[inside].mean() > images.pages[mirrored].mean() + 25

    counted = json.loads(record.read_text())["tumour_voxels_per_slice"][60:108]
    found = inside.sum(axis=(1, 2))
    if size == 240:
        np.testing.assert_array_equal(found, counted)
    else:
        share = (size / 240) ** 2
        np.testing.assert_allclose(found, share * np.array(counted), rtol=0.02, atol=30)
