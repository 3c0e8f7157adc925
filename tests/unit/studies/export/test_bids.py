"""BIDS derivatives, judged by the validator of BIDS itself."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from synaxial.io.files import write_placeholder
from synaxial.io.stacks import write_stack

from ...pairs import add_masks

VALIDATOR = Path(sys.executable).with_name("bids-validator-deno")
ORIGIN = {"generated": True, "generator": "ab12cd34" * 8, "seed": 7, "stack": 2}


def pixels_of(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32), np.uint8)


@pytest.fixture
def folder(tmp_path):
    """A study of 32 x 32 pixels of 6 mm, a stack of three images, and a head."""
    (tmp_path / "study.yaml").write_text("resize: {size: 32, field_of_view: 192}\n")
    asked = [{"level": 85.0, "tumour": True, "side": "left", "size": 30.0}, {"level": 60.0}, {}]
    descriptions = [ORIGIN | {"image": n, "asked": each} for n, each in enumerate(asked)]
    write_stack(tmp_path / "stack.tif", pixels_of(3), descriptions)
    add_masks(tmp_path / "stack.tif")
    head = [
        ORIGIN | {"image": 0, "series": "head", "asked": {"level": 70.0 + n, "tumour": n == 2}}
        for n in range(4)
    ]
    write_stack(tmp_path / "head.tif", pixels_of(4, seed=1), head)
    return tmp_path


def write_results(folder):
    """Two subjects of a run, one of them left out, and the slices of the other, 2 mm apart."""
    (folder / "volumes").mkdir(parents=True)
    (folder / "images").mkdir()
    for name in ("P_1", "P_2"):
        record = {"subject": name, "spacing_mm": [1.0, 1.0, 2.0]}
        (folder / "volumes" / f"{name}.json").write_text(json.dumps(record))
    voxels = np.random.default_rng(2).integers(0, 500, (10, 12, 8), np.int16)
    volume = nibabel.Nifti1Image(voxels, np.diag([-1, -1, 2, 1]))
    nibabel.save(volume, folder / "volumes" / "P_1_flair.nii.gz")
    write_placeholder(folder / "volumes" / "P_2_flair.nii.gz")
    slices = [{"subject": "P_1", "slice": 30 + n} for n in range(3)]
    write_stack(folder / "images" / "P_1.tif", pixels_of(3, seed=3), slices)
    return voxels


def export(run_synaxial, folder, *options):
    return run_synaxial(
        *("export", "bids", "--config", folder / "study.yaml", "--output", folder / "bids"),
        *options,
    )


def load(folder, label, ending):
    return nibabel.load(folder / "bids" / f"sub-{label}/anat/sub-{label}_{ending}.nii.gz")


def test_the_data_set_is_valid_and_has_the_voxels(folder, run_synaxial):
    voxels = write_results(folder / "results")
    done = export(
        *(run_synaxial, folder, "--real", folder / "results"),
        *(folder / "stack.tif", folder / "head.tif"),
    )
    assert done.returncode == 0, done.stderr
    checked = subprocess.run(
        [VALIDATOR, folder / "bids", "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    issues = json.loads(checked.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []
    assert checked.returncode == 0

    with (folder / "bids" / "participants.tsv").open() as file:
        rows = {row["participant_id"]: row for row in csv.DictReader(file, delimiter="\t")}
    first, second, third = (f"ab12cd34s2i00{n}" for n in range(3))
    assert list(rows) == [
        *(f"sub-{label}" for label in (first, second, third)),
        *("sub-ab12cd34s2head", "sub-P1"),
    ]
    assert [row["level"] for row in rows.values()] == ["85.0", "60.0", "n/a", "70.0", "n/a"]
    assert [row["tumour"] for row in rows.values()] == ["true", "n/a", "n/a", "true", "n/a"]
    assert [row["synthetic"] for row in rows.values()] == ["true"] * 4 + ["false"]

    image = load(folder, first, "desc-synthetic_FLAIR")
    np.testing.assert_array_equal(np.asarray(image.dataobj)[..., 0], pixels_of(3)[0].T)
    assert (image.header.get_zooms()[0], image.affine[2, 3]) == (6, 85)
    mask = load(folder, first, "desc-tumour_mask")
    np.testing.assert_array_equal(np.asarray(mask.dataobj)[..., 0], pixels_of(3)[0].T > 128)
    head = load(folder, "ab12cd34s2head", "desc-synthetic_FLAIR")
    assert (head.shape, head.affine[2, 3], head.affine[2, 2]) == ((32, 32, 4), 70, 1)
    canonical = load(folder, "P1", "desc-canonical_FLAIR")
    np.testing.assert_array_equal(np.asarray(canonical.dataobj), voxels)
    slices = load(folder, "P1", "desc-slices_FLAIR")
    assert (slices.affine[2, 3], slices.header.get_zooms()[2]) == (60, 2)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), "export bids: nothing to write"),
        (("stack.tif", "stack.tif"), "sub-ab12cd34s2i000: is twice in the data set"),
        (("--real", "empty"), "empty: has no volumes; expected the folder of results"),
        (("wide.tif",), "wide.tif: has images of 64 pixels; expected 32"),
        (("nameless.tif",), "nameless.tif: does not say the 'generator'"),
    ],
)
def test_what_cannot_be_exported_leaves_nothing(
    folder, run_synaxial, assert_clear_error, options, line
):
    write_stack(folder / "wide.tif", np.zeros((1, 64, 64), np.uint8), [ORIGIN | {"image": 0}])
    write_stack(folder / "nameless.tif", pixels_of(1), [{}])
    before = sorted(folder.iterdir())
    given = [each if each.startswith("--") else folder / each for each in options]
    assert_clear_error(export(run_synaxial, folder, *given), line)
    assert sorted(folder.iterdir()) == before


def test_a_data_set_is_not_overwritten(folder, run_synaxial, assert_clear_error):
    (folder / "bids").mkdir()
    assert_clear_error(export(run_synaxial, folder, folder / "stack.tif"), "bids: exists")
