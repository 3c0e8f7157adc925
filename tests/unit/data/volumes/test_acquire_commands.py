import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas
import pytest
import yaml

from synaxial.data.sources import fetch
from synaxial.data.volumes import acquire, manifest
from synaxial.data.volumes.nifti import write_volume
from synaxial.io.errors import BadVolumeError, SynaxialError
from synaxial.io.files import is_placeholder

from ..heads import LPS, SHAPE, make_brats2020, make_head, make_labels, save

NAMES = [f"BraTS20_Training_{number:03d}" for number in (1, 2, 3)]


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Path]:
    """Write a study of the directory `copy` with only the stage's section."""

    def write(**keys: Any) -> Path:
        content = {
            "acquire": {
                "source": "directory",
                "subjects": "all",
                "volume": {"shape": list(SHAPE)},
                "directory": {"path": str(tmp_path / "copy")},
                **keys,
            },
            "slice": {"first": 1, "last": 4},
        }
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    make_brats2020(tmp_path / "copy")
    return write


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_acquire_writes_three_files_a_subject(tmp_path: Path, study: Callable[..., Path]) -> None:
    output = tmp_path / "volumes"
    acquire.run(config=study(), fetched=tmp_path, output=output)
    assert files_of(output) == {
        f"{name}{ending}" for name in NAMES for ending in ("_flair.nii.gz", "_seg.nii.gz", ".json")
    }
    image = nibabel.load(output / f"{NAMES[0]}_flair.nii.gz")
    assert image.get_data_dtype() == np.int16
    assert nibabel.aff2axcodes(image.affine) == ("L", "P", "S")
    np.testing.assert_array_equal(np.asarray(image.dataobj), make_head(1))
    labels = nibabel.load(output / f"{NAMES[0]}_seg.nii.gz")
    np.testing.assert_array_equal(np.asarray(labels.dataobj), make_labels())
    assert json.loads((output / f"{NAMES[0]}.json").read_text())["subject"] == NAMES[0]


def test_acquire_of_one_subject(tmp_path: Path, study: Callable[..., Path]) -> None:
    output = tmp_path / "volumes"
    acquire.run(config=study(), fetched=tmp_path, output=output, subject=NAMES[1])
    assert {name[:20] for name in files_of(output)} == {NAMES[1]}
    with pytest.raises(SynaxialError, match="has no subject nobody"):
        acquire.run(config=study(), fetched=tmp_path, output=output, subject="nobody")


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path, study: Callable[..., Path]) -> None:
    for name in ("a", "b"):
        acquire.run(config=study(), fetched=tmp_path, output=tmp_path / name, subject=NAMES[0])
    for name in files_of(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    packed = (tmp_path / "a" / f"{NAMES[0]}_flair.nii.gz").read_bytes()
    assert packed[3] == 0  # no name in the gzip header
    assert packed[4:8] == bytes(4)  # and no time
    header = nibabel.Nifti1Header(gzip.decompress(packed)[:348])
    assert header["descrip"].item() == b""


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
def test_a_written_volume_is_read_back(tmp_path: Path, kind: type) -> None:
    voxels = (make_head() % 100).astype(kind)
    write_volume(tmp_path / "a.nii.gz", voxels, LPS)
    image = nibabel.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), voxels)
    np.testing.assert_array_equal(image.affine, LPS)
    # Byte for byte what nibabel writes of it, in whichever order the voxels lie in memory.
    packed = (tmp_path / "a.nii.gz").read_bytes()
    assert gzip.decompress(packed) == image.to_bytes()
    write_volume(tmp_path / "b.nii.gz", np.asfortranarray(voxels), LPS)
    assert (tmp_path / "b.nii.gz").read_bytes() == packed
    assert image.get_data_dtype() == kind
    assert image.header["sform_code"] == image.header["qform_code"] == 1
    assert image.header.get_xyzt_units()[0] == "mm"


def test_a_bad_volume_fails_and_leaves_nothing(tmp_path: Path, study: Callable[..., Path]) -> None:
    save(tmp_path / "copy" / NAMES[0] / f"{NAMES[0]}_flair.nii", np.zeros((3, 3, 3), np.int16))
    output = tmp_path / "volumes"
    with pytest.raises(BadVolumeError) as caught:
        acquire.run(config=study(), fetched=tmp_path, output=output, subject=NAMES[0])
    assert str(caught.value).startswith(f"{NAMES[0]} ({tmp_path}/copy/{NAMES[0]}/{NAMES[0]}_")
    assert files_of(output) == set()


def test_a_bad_volume_is_skipped(tmp_path: Path, study: Callable[..., Path]) -> None:
    save(tmp_path / "copy" / NAMES[0] / f"{NAMES[0]}_flair.nii", make_head(shape=(3, 4, 5)))
    output = tmp_path / "volumes"
    config = study(on_bad_volume="skip")
    acquire.run(config=config, fetched=tmp_path, output=output)
    assert is_placeholder(output / f"{NAMES[0]}_flair.nii.gz")
    assert is_placeholder(output / f"{NAMES[0]}_seg.nii.gz")
    record = json.loads((output / f"{NAMES[0]}.json").read_text())
    assert record["status"] == "skipped"
    assert "3 x 4 x 5 voxels" in record["reason"]
    assert len(record["sha256"]) == 64
    assert not is_placeholder(output / f"{NAMES[1]}_flair.nii.gz")
    table = tmp_path / "manifest.csv"
    manifest.run(sorted(output.glob("*.json")), output=table, config=config)
    assert list(pandas.read_csv(table)["status"]) == ["skipped", "ok", "ok"]


def test_a_subject_without_segmentation_has_a_placeholder(
    tmp_path: Path, study: Callable[..., Path]
) -> None:
    (tmp_path / "copy" / NAMES[0] / f"{NAMES[0]}_seg.nii").unlink()
    acquire.run(config=study(), fetched=tmp_path, output=tmp_path / "out", subject=NAMES[0])
    assert is_placeholder(tmp_path / "out" / f"{NAMES[0]}_seg.nii.gz")
    assert not is_placeholder(tmp_path / "out" / f"{NAMES[0]}_flair.nii.gz")


@pytest.mark.parametrize("policy", ["fail", "skip"])
@pytest.mark.parametrize("damage", ["label 7.5", "another grid", "empty"])
def test_a_bad_segmentation_loses_no_subject(
    tmp_path: Path,
    study: Callable[..., Path],
    policy: str,
    damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "copy" / NAMES[0] / f"{NAMES[0]}_seg.nii"
    match damage:
        case "label 7.5":
            save(path, np.full(SHAPE, 7.5, np.float32))
        case "another grid":
            save(path, np.zeros((3, 3, 3), np.int16))
        case "empty":
            path.write_bytes(b"")
    output, table, config = tmp_path / "out", tmp_path / "manifest.csv", study(on_bad_volume=policy)
    acquire.run(config=config, fetched=tmp_path, output=output)
    assert is_placeholder(output / f"{NAMES[0]}_seg.nii.gz")
    assert not is_placeholder(output / f"{NAMES[0]}_flair.nii.gz")
    manifest.run(sorted(output.glob("*.json")), output=table, config=config)
    rows = pandas.read_csv(table, keep_default_na=False)
    assert list(rows["status"]) == ["ok", "ok", "ok"]
    assert rows["warnings"][0].startswith("its segmentation: ")
    assert f"{NAMES[0]}: its segmentation: " in caplog.text


def test_several_segmentations_are_none_and_a_warning(
    tmp_path: Path, study: Callable[..., Path]
) -> None:
    bids = tmp_path / "bids"
    save(bids / "sub-01/anat/sub-01_FLAIR.nii.gz", make_head(1))
    for tool in ("a", "b"):
        save(bids / f"derivatives/{tool}/sub-01/anat/sub-01_dseg.nii.gz", make_labels())
    config, output = study(directory={"path": str(bids)}), tmp_path / "volumes"
    fetch.run(output=tmp_path / "source", config=config)
    (row,) = pandas.read_csv(tmp_path / "source/inventory.csv", keep_default_na=False).to_dict(
        "records"
    )
    assert (row["flair"].endswith("sub-01_FLAIR.nii.gz"), row["segmentation"]) == (True, "")
    acquire.run(config=config, fetched=tmp_path / "source", output=output)
    assert is_placeholder(output / "sub-01_seg.nii.gz")
    record = json.loads((output / "sub-01.json").read_text())
    assert record["status"] == "ok"
    assert record["warnings"] == [
        "its segmentation: 2 files; expected one; there are no masks of this subject"
    ]
    # Without one of them the other is used: they are among the files that are compared.
    assert len(record["original_sha256"]) == 3


@pytest.mark.parametrize(
    ("copied", "said"), [("as it is", "identical voxels"), ("rescaled", "correlation 1.000")]
)
def test_a_copy_of_a_head_is_refused_across_the_split_and_a_warning_within(
    tmp_path: Path,
    study: Callable[..., Path],
    copied: str,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_brats2020(tmp_path / "copy", (4, 5, 6))
    path = tmp_path / "copy" / "BraTS20_Training_005" / "BraTS20_Training_005_flair.nii"
    path.unlink()
    head = make_head(1)
    # Other bytes: compressed, or as real numbers.
    save(path.with_suffix(".nii.gz"), head if copied == "as it is" else head * np.float32(1.7))
    config = study()
    output, table = tmp_path / "volumes", tmp_path / "manifest.csv"
    acquire.run(config=config, fetched=tmp_path, output=output)
    records = sorted(output.glob("*.json"))
    manifest.run(records, output=table, config=config)
    rows = pandas.read_csv(table, keep_default_na=False)
    assert list(rows["warnings"]) == [
        *(f"the same head as BraTS20_Training_005 ({said})", "", "", ""),
        *(f"the same head as BraTS20_Training_001 ({said})", ""),
    ]
    assert f"BraTS20_Training_001: the same head as BraTS20_Training_005 ({said})" in caplog.text
    table.unlink()
    with pytest.raises(SynaxialError) as refused:
        manifest.run(records, output=table, config=study(subjects="1-2", held_out="3-6"))
    assert str(refused.value).startswith(
        "acquire.held_out: the same head is trained with and held out: BraTS20_Training_001 and "
        f"BraTS20_Training_005 ({said})"
    )
    assert not table.exists()


def test_a_failing_write_leaves_nothing(
    tmp_path: Path, study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def fail_second(path: Path, *arguments: Any) -> None:
        if written:
            raise OSError(28, "No space left on device", str(path))
        written.append(path)
        write_volume(path, *arguments)

    monkeypatch.setattr(acquire, "write_volume", fail_second)
    with pytest.raises(OSError, match="No space left"):
        acquire.run(config=study(), fetched=tmp_path, output=tmp_path / "out", subject=NAMES[0])
    assert files_of(tmp_path / "out") == set()


def test_the_manifest_judges_by_the_studys_slices(
    tmp_path: Path, study: Callable[..., Path]
) -> None:
    config = study()
    acquire.run(config=config, fetched=tmp_path, output=tmp_path / "out")
    config.write_text(config.read_text().replace("last: 4", "last: 5"))
    table = tmp_path / "manifest.csv"
    with pytest.raises(BadVolumeError, match="hold no brain"):
        manifest.run(sorted((tmp_path / "out").glob("*.json")), table, config)
    assert not table.exists()


def test_fetch_of_a_folder_writes_a_list_only(tmp_path: Path, study: Callable[..., Path]) -> None:
    (tmp_path / "copy" / NAMES[2] / f"{NAMES[2]}_seg.nii").unlink()
    fetch.run(output=tmp_path / "source", config=study())
    assert files_of(tmp_path / "source") == {"inventory.csv"}
    table = pandas.read_csv(tmp_path / "source" / "inventory.csv", keep_default_na=False)
    assert list(table["subject"]) == NAMES
    assert (tmp_path / "source" / table["flair"][0]).samefile(
        tmp_path / "copy" / NAMES[0] / f"{NAMES[0]}_flair.nii"
    )
    assert table["segmentation"][2] == ""


def test_the_commands_as_a_rule_calls_them(
    tmp_path: Path,
    study: Callable[..., Path],
    run_synaxial: Callable[..., Any],
    assert_clear_error: Callable[..., None],
) -> None:
    config = study()
    output = tmp_path / "volumes"
    folders = ("--fetched", tmp_path, "--output", output)
    done = run_synaxial("data", "acquire", "--config", config, *folders, "--subject", NAMES[0])
    assert done.returncode == 0, done.stderr
    records = sorted(output.glob("*.json"))
    table = tmp_path / "manifest.csv"
    done = run_synaxial("data", "manifest", "--config", config, "--output", table, *records)
    assert done.returncode == 0, done.stderr
    assert table.is_file()
    (tmp_path / "copy" / NAMES[1] / f"{NAMES[1]}_flair.nii").write_bytes(b"")
    done = run_synaxial("data", "acquire", "--config", config, *folders, "--subject", NAMES[1])
    assert_clear_error(done, f"{NAMES[1]} (")
