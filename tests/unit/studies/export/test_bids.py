"""BIDS derivatives, judged by the validator of BIDS itself."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from synaxial.data.volumes.intensities import NOT_STRIPPED
from synaxial.data.volumes.record import SKIPPED, USED, Record, write_record
from synaxial.gan.rendering import HEAD
from synaxial.io.files import write_csv, write_placeholder
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


def write_results(folder, side=32, warnings=()):
    """Two subjects of a run, one of them left out, and slices of the other, every second one.

    Its file had the axes posterior, superior and right; the voxels are 2 x 3 x 4 mm.
    """
    (folder / "volumes").mkdir(parents=True)
    (folder / "images").mkdir()
    about = {"person": "P", "shape": [1, 1, 1], "orientation": "PSR", "spacing_mm": [3.0, 4.0, 2.0]}
    used = Record(subject="sub-P_1", warnings=list(warnings), notes=["clipped"], **about)
    write_record(folder / "volumes" / "sub-P_1.json", used)
    left_out = Record(subject="P_2", person="P", status=SKIPPED, reason="damaged")
    write_record(folder / "volumes" / "P_2.json", left_out)
    write_placeholder(folder / "volumes" / "P_2_flair.nii.gz")
    voxels = np.random.default_rng(2).integers(0, 500, (10, 12, 40), np.int16)
    affine = np.array([[-2, 0, 0, 50], [0, -3, 0, 70], [0, 0, 4, -90], [0, 0, 0, 1]])
    volume = nibabel.Nifti1Image(voxels, affine)
    nibabel.save(volume, folder / "volumes" / "sub-P_1_flair.nii.gz")
    slices = [{"subject": "sub-P_1", "slice": 30 + 2 * n} for n in range(3)]
    pages = np.random.default_rng(3).integers(0, 256, (3, side, side), np.uint8)
    write_stack(folder / "images" / "sub-P_1.tif", pages, slices)
    write_manifest(folder, ["sub-P_1"], ["P_2"])
    return voxels


def write_manifest(folder, used, skipped=()):
    """The part of a run's table that the export reads."""
    rows = [{"subject": name, "status": USED} for name in used]
    rows += [{"subject": name, "status": SKIPPED} for name in skipped]
    write_csv(folder / "manifest.csv", ["subject", "status"], rows)


def export(run_synaxial, folder, *options):
    return run_synaxial(
        *("export", "bids", "--config", folder / "study.yaml", "--output", folder / "bids"),
        *options,
    )


def load(folder, start, ending):
    """The volume of the one participant whose label begins so, and its sidecar."""
    (path,) = folder.glob(f"bids/sub-{start}*/anat/*_{ending}.nii.gz")
    name = path.name.removesuffix(".nii.gz")
    return nibabel.load(path), json.loads(path.with_name(f"{name}.json").read_text())


def read_participants(folder):
    with (folder / "bids" / "participants.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def assert_valid(dataset):
    checked = subprocess.run(
        [VALIDATOR, dataset, "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    issues = json.loads(checked.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []
    assert checked.returncode == 0


def test_the_data_set_is_valid_and_has_the_voxels(folder, run_synaxial):
    voxels = write_results(folder / "results")
    done = export(
        *(run_synaxial, folder, "--real", folder / "results"),
        *(folder / "stack.tif", folder / "head.tif"),
    )
    assert done.returncode == 0, done.stderr
    assert_valid(folder / "bids")

    rows = read_participants(folder)
    starts = [*(f"sub-ab12cd34s2i00{n}x" for n in range(3)), "sub-ab12cd34s2headx", "sub-P1"]
    assert len(rows) == 5
    for row, start in zip(rows, starts, strict=True):
        assert row["participant_id"].startswith(start)
    assert [row["level"] for row in rows] == ["85.0", "60.0", "n/a", "70.0", "n/a"]
    assert [row["tumour"] for row in rows] == ["true", "n/a", "n/a", "true", "n/a"]
    assert [row["side"] for row in rows] == ["left", *["n/a"] * 4]
    assert [row["size"] for row in rows] == ["30.0", *["n/a"] * 4]
    assert [row["synthetic"] for row in rows] == ["true"] * 4 + ["false"]
    assert [row["person"] for row in rows] == ["n/a"] * 4 + ["P"]

    image, _ = load(folder, "ab12cd34s2i000", "desc-synthetic_FLAIR")
    np.testing.assert_array_equal(np.asarray(image.dataobj)[..., 0], pixels_of(3)[0].T)
    assert (image.header.get_zooms()[0], image.affine[2, 3]) == (6, 85)
    mask, _ = load(folder, "ab12cd34s2i000", "desc-tumour_mask")
    np.testing.assert_array_equal(np.asarray(mask.dataobj)[..., 0], pixels_of(3)[0].T > 128)
    head, _ = load(folder, "ab12cd34s2head", "desc-synthetic_FLAIR")
    assert (head.shape, head.affine[2, 3], head.affine[2, 2]) == ((32, 32, 4), 70, 1)
    assert head.header["descrip"].item().decode() == HEAD
    canonical, about = load(folder, "P1", "desc-canonical_FLAIR")
    np.testing.assert_array_equal(np.asarray(canonical.dataobj), voxels)
    assert about["Description"] == "Volume in canonical orientation. clipped"


def test_a_person_scanned_twice_is_a_participant_with_two_sessions(folder, run_synaxial):
    write_results(folder / "results")
    for part, ends in {"volumes": (".json", "_flair.nii.gz"), "images": (".tif",)}.items():
        for end in ends:
            one = folder / "results" / part / f"sub-P_1{end}"
            for session in (1, 2):
                shutil.copy(one, one.with_name(f"sub-001_ses-{session}{end}"))
            one.unlink()
    write_manifest(folder / "results", ["sub-001_ses-1", "sub-001_ses-2"])
    done = export(run_synaxial, folder, "--real", folder / "results")
    assert done.returncode == 0, done.stderr
    assert_valid(folder / "bids")
    assert [row["participant_id"] for row in read_participants(folder)] == ["sub-001"]
    found = sorted(str(path.relative_to(folder / "bids")) for path in folder.glob("bids/**/*.gz"))
    assert found == [
        f"sub-001/ses-{session}/anat/sub-001_ses-{session}_desc-{kind}_FLAIR.nii.gz"
        for session in (1, 2)
        for kind in ("canonical", "slices")
    ]


def test_slices_lie_over_their_volume(folder, run_synaxial):
    write_results(folder / "results")
    export(run_synaxial, folder, "--real", folder / "results")
    volume, about = load(folder, "P1", "desc-canonical_FLAIR")
    slices, told = load(folder, "P1", "desc-slices_FLAIR")
    assert about["SkullStripped"] is told["SkullStripped"] is True
    assert nibabel.aff2axcodes(slices.affine) == ("L", "P", "S")
    assert slices.header.get_zooms() == (6, 6, 8)
    # The middle of the volume's slice 32 is the middle of the second page.
    middle = volume.affine @ [(10 - 1) / 2, (12 - 1) / 2, 32, 1]
    np.testing.assert_allclose(slices.affine @ [15.5, 15.5, 1, 1], middle)


def test_participants_tell_that_they_are_one_person(folder, run_synaxial):
    write_results(folder / "results")
    volumes = folder / "results" / "volumes"
    # Named by a data set that knows no sessions.
    about = json.loads((volumes / "sub-P_1.json").read_text())
    write_record(volumes / "sub-P_2.json", Record(**about | {"subject": "sub-P_2"}))
    shutil.copy(volumes / "sub-P_1_flair.nii.gz", volumes / "sub-P_2_flair.nii.gz")
    write_manifest(folder / "results", ["sub-P_1", "sub-P_2"])
    done = export(run_synaxial, folder, "--real", folder / "results")
    assert done.returncode == 0, done.stderr
    assert {row["participant_id"]: row["person"] for row in read_participants(folder)} == {
        "sub-P1": "P",
        "sub-P2": "P",
    }
    described = json.loads((folder / "bids" / "participants.json").read_text())
    assert "the same one at other times" in described["person"]["Description"]


def test_only_subjects_that_the_manifest_lists_as_used_are_exported(folder, run_synaxial):
    """Not one taken out of the study, nor one that the manifest alone marks as skipped."""
    write_results(folder / "results")
    volumes = folder / "results" / "volumes"
    about = json.loads((volumes / "sub-P_1.json").read_text())
    for name in ("sub-withdrawn", "sub-short"):
        write_record(volumes / f"{name}.json", Record(**about | {"subject": name}))
        shutil.copy(volumes / "sub-P_1_flair.nii.gz", volumes / f"{name}_flair.nii.gz")
    write_manifest(folder / "results", ["sub-P_1"], ["P_2", "sub-short"])
    done = export(run_synaxial, folder, "--real", folder / "results")
    assert done.returncode == 0, done.stderr
    assert [row["participant_id"] for row in read_participants(folder)] == ["sub-P1"]
    assert [path.name for path in folder.glob("bids/sub-*")] == ["sub-P1"]


def test_a_volume_that_is_cut_short_is_one_line(folder, run_synaxial, assert_clear_error):
    write_results(folder / "results")
    volume = folder / "results" / "volumes" / "sub-P_1_flair.nii.gz"
    volume.write_bytes(volume.read_bytes()[:4000])
    done = export(run_synaxial, folder, "--real", folder / "results")
    assert_clear_error(done, "sub-P_1_flair.nii.gz: cannot be read (")
    assert not (folder / "bids").exists()


def test_a_volume_with_its_skull_says_so(folder, run_synaxial):
    write_results(folder / "results", warnings=[NOT_STRIPPED])
    export(run_synaxial, folder, "--real", folder / "results")
    for ending in ("desc-canonical_FLAIR", "desc-slices_FLAIR"):
        assert load(folder, "P1", ending)[1]["SkullStripped"] is False


def write_study(results, field_of_view, *names):
    """The settings of a study of 32 x 32 pixels, as a run leaves them in its results."""
    keys = {"acquire": {"volume": {"shape": [240, 240, 155], "spacing": [1, 1, 1]}}}
    keys["resize"] = {"size": 32, "mode": "resize", "field_of_view": field_of_view}
    for name in names:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).write_text(json.dumps(keys))


def test_the_size_is_that_of_the_study_of_the_images(folder, run_synaxial, monkeypatch):
    """Each stack and the subjects have the pixels of their own study, not those of config.yaml."""
    monkeypatch.chdir(folder)
    (folder / "config.yaml").write_text("resize: {size: 32, field_of_view: 192}\n")
    for name, width in (("one", 96), ("other", 128)):
        write_study(folder / name, width, "configuration.yaml", "settings/prepare.yaml")
    write_results(folder / "one")
    stack = folder / "other/experiments/final/seed_1/samples/stack_0.tif"
    write_stack(stack, pixels_of(1), [ORIGIN | {"image": 0}])
    done = run_synaxial("export", "bids", "--output", "bids", "--real", "one", stack)
    assert done.returncode == 0, done.stderr
    assert load(folder, "P1", "desc-slices_FLAIR")[0].header.get_zooms() == (3, 3, 8)
    made, _ = load(folder, "ab12cd34", "desc-synthetic_FLAIR")
    assert made.header.get_zooms()[:2] == (4, 4)
    # The middle of 32 pixels of 4 mm is the middle of a BraTS slice.
    np.testing.assert_allclose((made.affine @ [15.5, 15.5, 0, 1])[:2], [-119.5, 119.5])


def test_a_size_that_is_not_clear_is_refused(folder, run_synaxial, assert_clear_error, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "config.yaml").write_text("resize: {size: 32}\n")
    words = ("export", "bids", "--output", "bids")
    line = "stack.tif: the size of a pixel is not known, because it is in no folder of results"
    assert_clear_error(run_synaxial(*words, folder / "stack.tif"), line)
    write_results(folder / "results")
    write_study(folder / "results", 96, "configuration.yaml")
    line = "results/configuration.yaml says 32 of 3 mm; expected one size; leave out --config"
    assert_clear_error(export(run_synaxial, folder, "--real", folder / "results"), line)
    write_study(folder / "results", 128, "settings/prepare.yaml")
    line = "settings/prepare.yaml says 32 of 4 mm; expected one size; let the run finish"
    assert_clear_error(run_synaxial(*words, "--real", "results"), line)
    assert not (folder / "bids").exists()


@pytest.mark.parametrize("text", ["editor: {tabs: 4}\n", "home: !include home.yaml\n"])
def test_another_programs_file_of_the_same_name_tells_no_size(folder, run_synaxial, text):
    (folder / "configuration.yaml").write_text(text)
    done = export(run_synaxial, folder, folder / "stack.tif")
    assert done.returncode == 0, done.stderr
    made, _ = load(folder, "ab12cd34s2i000", "desc-synthetic_FLAIR")
    assert made.header.get_zooms()[0] == 6


def test_images_with_one_number_are_different_participants(folder, run_synaxial):
    """Those of an interpolation, and the same head with and without a tumour."""
    way = [
        ORIGIN | {"image": 3, "series": "interpolation", "between": [3, 4], "share": share}
        for share in (0.0, 0.5, 1.0)
    ]
    write_stack(folder / "way.tif", pixels_of(3, seed=4), way)
    head = [ORIGIN | {"image": 0, "series": "head", "asked": {"level": 70.0, "tumour": True}}]
    write_stack(folder / "tumour.tif", pixels_of(1, seed=5), head)
    names = ("way.tif", "head.tif", "tumour.tif")
    done = export(run_synaxial, folder, *(folder / name for name in names))
    assert done.returncode == 0, done.stderr
    labels = [row["participant_id"] for row in read_participants(folder)]
    assert len(set(labels)) == 5
    assert sum("head" in label for label in labels) == 2


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), "export bids: nothing to write"),
        (("stack.tif", "stack.tif"), "is twice in the data set; expected each image"),
        (("--real", "empty"), "empty/manifest.csv: cannot be read ("),
        (("wide.tif",), "wide.tif: has images of 64 pixels; expected 32"),
        (("nameless.tif",), "nameless.tif: does not say the 'generator'"),
        (("--real", "narrow"), "sub-P_1.tif: has images of 16 pixels; expected 32"),
    ],
)
def test_what_cannot_be_exported_leaves_nothing(
    folder, run_synaxial, assert_clear_error, options, line
):
    write_stack(folder / "wide.tif", np.zeros((1, 64, 64), np.uint8), [ORIGIN | {"image": 0}])
    write_stack(folder / "nameless.tif", pixels_of(1), [{}])
    write_results(folder / "narrow", side=16)
    before = sorted(folder.iterdir())
    given = [each if each.startswith("--") else folder / each for each in options]
    assert_clear_error(export(run_synaxial, folder, *given), line)
    assert sorted(folder.iterdir()) == before


def test_a_data_set_is_not_overwritten(folder, run_synaxial, assert_clear_error):
    (folder / "bids").mkdir()
    assert_clear_error(export(run_synaxial, folder, folder / "stack.tif"), "bids: exists")
