"""The source of DICOM exports, from the folder to canonical volumes, and what it never says."""

import csv
import gzip
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import yaml
from pydicom import dcmread
from pydicom.uid import RLELossless

from synaxial.config import make_study
from synaxial.config.model import Acquire
from synaxial.data.dicom import NOT_INSTALLED
from synaxial.data.slices import slice as cutting
from synaxial.data.slices.volume import read_volume
from synaxial.data.sources import dicom
from synaxial.data.sources.dicom import DicomSource
from synaxial.data.volumes import acquire
from synaxial.io.errors import BadVolumeError, SynaxialError

from ..exports import (
    HANS,
    LATER,
    SECRETS,
    SHAPE,
    VERA,
    make_scan,
    save,
    write_multi_frame,
    write_series,
)


def settings_for(path: Path, **keys: Any) -> Acquire:
    own = {key: keys.pop(key) for key in ("series", "key_file") if key in keys}
    return Acquire.model_validate(
        {
            "source": "dicom",
            "subjects": "all",
            "volume": {"shape": SHAPE},
            "dicom": {"path": path, **own},
            **keys,
        }
    )


def open_fetched(tmp_path: Path, **keys: Any) -> DicomSource:
    """Return the source of the folder `export` after `fetch`."""
    settings = settings_for(tmp_path / "export", **keys)
    DicomSource(settings, tmp_path / "results" / "source").fetch()
    return DicomSource(settings, tmp_path / "results" / "source")


def make_export(root: Path) -> Path:
    """Write two patients in one folder, one with two studies, with names in the paths."""
    mixed = root / "MUELLER HANS 1961" / "20190412"
    write_series(mixed, number=4)
    write_series(mixed, number=1, description="localizer", leave_out=tuple(range(3, SHAPE[2])))
    write_series(mixed / "t1", number=2, description="t1_mprage", InversionTime=900, EchoTime=3)
    # The second patient's files lie beside those of the first.
    for path in write_series(root / "ZYBALLA", patient=VERA, syntax=RLELossless):
        shutil.move(path, mixed / f"0{path.name}")
    write_multi_frame(root / "HX7734412" / "1.dcm", study="second", when=LATER, number=8)
    (root / "DICOMDIR.txt").write_text("MUELLER^HANS")
    return root


def test_subjects_have_pseudonyms_and_studies_of_a_patient_one_person(tmp_path: Path) -> None:
    make_export(tmp_path / "export")
    source = open_fetched(tmp_path)
    assert source.must_be_fetched
    people = source.people()
    assert sorted(people) == list(people)
    assert set(people.values()) == {"sub-001", "sub-002"}
    twice = [name for name in people if list(people.values()).count(people[name]) == 2]
    assert [name.partition("_")[2] for name in twice] == ["ses-1", "ses-2"]
    # Session 1 is the earlier one, of single slices; session 2 is one file.
    assert [len(source.files(name)) for name in twice] == [SHAPE[2], 1]
    first, second = (dcmread(source.files(name)[0]) for name in twice)
    assert first.PatientID == second.PatientID == HANS[1]
    assert first.StudyDate < second.StudyDate
    number = people[twice[0]][-1]
    assert (
        DicomSource(
            settings_for(tmp_path / "export", subjects=[number]), tmp_path / "results" / "source"
        ).subjects()
        == twice
    )


def test_the_same_files_elsewhere_have_the_same_pseudonyms(tmp_path: Path) -> None:
    make_export(tmp_path / "export")
    patients = {
        name: dcmread(open_fetched(tmp_path).files(name)[0]).PatientID
        for name in open_fetched(tmp_path).people()
    }
    (tmp_path / "other").mkdir()
    for number, path in enumerate(sorted((tmp_path / "export").rglob("*.dcm"), reverse=True)):
        shutil.copy(path, tmp_path / "other" / f"{number}")
    shutil.rmtree(tmp_path / "export")
    (tmp_path / "other").rename(tmp_path / "export")
    source = open_fetched(tmp_path)
    assert {n: dcmread(source.files(n)[0]).PatientID for n in source.people()} == patients


def test_a_series_is_read_in_canonical_orientation(tmp_path: Path) -> None:
    write_series(tmp_path / "export", plane="sagittal", spacing=(1, 1, 1))
    source = open_fetched(tmp_path)
    (name,) = source.subjects()
    acquire.acquire_subject(source, settings_for(tmp_path / "export"), name, tmp_path / "volumes")
    voxels = read_volume(tmp_path / "volumes" / f"{name}_flair.nii.gz")
    np.testing.assert_array_equal(voxels, make_scan())


def test_the_study_of_the_page_is_valid() -> None:
    page = (Path(__file__).parents[4] / "docs" / "your-data.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    acquire_keys = make_study(yaml.safe_load(text)).acquire
    assert acquire_keys.source == "dicom"
    assert acquire_keys.conform.resample == "linear"
    assert acquire_keys.volume.shape == (240, 240, 155)


def write_problem(root: Path, problem: str) -> None:
    """Write one study with a mistake."""
    match problem:
        case "missing":
            write_series(root, leave_out=(7,))
        case "missing frame":
            write_multi_frame(root / "1.dcm", leave_out=(7,))
        case "localiser":
            write_series(root, description="localizer", leave_out=tuple(range(3, 16)))
        case "two":
            write_series(root / "a")
            write_series(root / "b", number=9, description="t2_flair_tra_km")
        case "same uid":
            one, other, *_ = write_series(root)
            image = dcmread(other)
            image.SOPInstanceUID = dcmread(one).SOPInstanceUID
            save(other, image)
        case "text":
            write_series(root, BurnedInAnnotation="YES")
        case "birth dates":
            write_series(root / "a")
            write_series(root / "b", patient=(*HANS[:2], "19700101"), study="other")
        case "study of two":
            write_series(root / "a")
            for path in write_series(root / "b", patient=VERA):
                image = dcmread(path)
                image.StudyInstanceUID = dcmread(next((root / "a").iterdir())).StudyInstanceUID
                save(path, image)


PROBLEMS = {
    "missing": "series 4 't2_flair_tra': 1 of 16 slices missing, the first at 7 of 15 mm",
    "missing frame": "1 of 16 slices missing",
    "localiser": "no FLAIR series among 1: series 4 'localizer'",
    "two": "2 FLAIR series: series 4 't2_flair_tra', series 9 't2_flair_tra_km'; expected one",
    "same uid": "two different images have the same UID",
    "text": "its headers say that text is burned into the images; expected images without text",
    "birth dates": "2 dates of birth under its patient ID; expected one patient for each ID",
    "study of two": "its study UID is that of sub-00",
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_problem_has_a_line_and_stops_or_leaves_out_its_subject(
    tmp_path: Path, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_problem(tmp_path / "export", problem)
    with pytest.raises(SynaxialError, match=r"acquire.dicom: \d of \d subjects have no usable"):
        open_fetched(tmp_path)
    assert PROBLEMS[problem] in caplog.text
    source = open_fetched(tmp_path, on_bad_volume="skip")
    for name in source.subjects():
        with pytest.raises(BadVolumeError) as refused:
            source.read(name)
        assert str(refused.value).startswith(f"{name}: ")
        assert PROBLEMS[problem] in str(refused.value)
        assert source.files(name) == []
        for secret in SECRETS:
            assert secret.lower() not in (caplog.text + str(refused.value)).lower()


def test_a_pattern_chooses_among_several(tmp_path: Path) -> None:
    write_problem(tmp_path / "export", "two")
    source = open_fetched(tmp_path, series=["*_KM"])
    (name,) = source.subjects()
    assert source.read(name).origin == "DICOM series 9 't2_flair_tra_km'"


def test_copies_of_files_are_left_out_with_a_note(tmp_path: Path) -> None:
    files = write_series(tmp_path / "export" / "a")
    shutil.copytree(tmp_path / "export" / "a", tmp_path / "export" / "b")
    source = open_fetched(tmp_path)
    (name,) = source.subjects()
    assert len(source.files(name)) == len(files)
    assert source.read(name).notes == ("16 files are copies of others",)


@pytest.mark.parametrize("end", [900, -100, 0])
def test_a_damaged_file_is_shown_by_its_place(tmp_path: Path, end: int) -> None:
    """Cut off in its header or in its pixels, or empty."""
    make_export(tmp_path / "export")
    bad = sorted(p for p in (tmp_path / "export").rglob("*") if p.is_file())[20]
    bad.write_bytes(bad.read_bytes()[:end])
    with pytest.raises(SynaxialError, match="1 of its DICOM files are damaged") as refused:
        open_fetched(tmp_path)
    command = str(refused.value).partition("the first is shown by: ")[2]
    shown = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    assert (tmp_path / "export" / shown.strip()).samefile(bad)
    assert "MUELLER" not in str(refused.value)


@pytest.mark.parametrize("kind", ["absent", "file", "empty", "no image", "link"])
def test_a_folder_without_an_export_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "export"
    if kind == "file":
        path.touch()
    if kind not in {"absent", "file"}:
        path.mkdir()
    if kind == "no image":
        (path / "MUELLER.txt").touch()
    if kind == "link":
        (path / "MUELLER").symlink_to(tmp_path / "HANS")
    message = {
        "absent": "is not there",
        "file": "is a file",
        "empty": "none of its 0 files is a DICOM file with MR images",
        "no image": "none of its 1 files is a DICOM file with MR images",
        "link": "holds a folder that cannot be read, or a link that leads nowhere",
    }
    with pytest.raises(SynaxialError, match=f"export: {message[kind]}; expected") as refused:
        open_fetched(tmp_path)
    assert "MUELLER" not in str(refused.value)


def test_unknown_patients_need_a_rule(tmp_path: Path) -> None:
    for study in ("first", "second"):
        write_series(tmp_path / "export" / study, patient=("", "", ""), study=study)
    with pytest.raises(SynaxialError, match="2 studies have no patient ID and no name: sub-001"):
        open_fetched(tmp_path)
    people = open_fetched(tmp_path, person="{person}_ses-*").people()
    assert people == {"sub-001_ses-1": "sub-001", "sub-002_ses-1": "sub-002"}


def test_a_key_file_is_written_on_request_alone_and_outside_results(tmp_path: Path) -> None:
    make_export(tmp_path / "export")
    key = tmp_path / "private" / "key.csv"
    names = set(open_fetched(tmp_path).people())
    assert not key.exists()
    source = open_fetched(tmp_path, key_file=key)
    assert key.stat().st_mode & 0o777 == 0o600
    with key.open(newline="") as file:
        rows = {row["subject"]: row for row in csv.DictReader(file)}
    assert set(rows) == names == set(source.people())
    for name, row in rows.items():
        header = dcmread(source.files(name)[0])
        assert (row["patient_id"], row["study_instance_uid"]) == (
            header.PatientID,
            header.StudyInstanceUID,
        )
        assert source.files(name)[0].is_relative_to(tmp_path / "export" / row["folder"])
    # Who is not in the export for a while keeps the name.
    shutil.move(tmp_path / "export", tmp_path / "away")
    write_series(tmp_path / "export", patient=("NEW", "1", "19800101"))
    assert open_fetched(tmp_path, key_file=key).subjects() == ["sub-003_ses-1"]
    with key.open(newline="") as file:
        assert {row["subject"] for row in csv.DictReader(file)} == names | {"sub-003_ses-1"}
    inside = tmp_path / "results" / "key.csv"
    with pytest.raises(SynaxialError, match=r"key\.csv is in the folder of results"):
        open_fetched(tmp_path, key_file=inside)
    with pytest.raises(SynaxialError, match=r"key\.csv is in the export"):
        open_fetched(tmp_path, key_file=tmp_path / "export" / "key.csv")
    with pytest.raises(SynaxialError, match=r"private is a folder; expected a file, such as .*csv"):
        open_fetched(tmp_path, key_file=key.parent)


def test_a_changed_export_must_be_listed_again(tmp_path: Path) -> None:
    make_export(tmp_path / "export")
    with pytest.raises(SynaxialError, match=r"has not been listed; .*run synaxial data fetch"):
        DicomSource(settings_for(tmp_path / "export"), tmp_path / "results").subjects()
    source = open_fetched(tmp_path)
    state = source.packed_state()
    assert open_fetched(tmp_path).packed_state() == state
    write_series(tmp_path / "export" / "new", patient=("NEW", "1", "19800101"))
    later = DicomSource(settings_for(tmp_path / "export"), tmp_path / "results" / "source")
    assert later.packed_state() != state
    with pytest.raises(SynaxialError, match=r"has changed since .*run synaxial data fetch again"):
        later.subjects()


def test_a_missing_package_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path / "export")

    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(dicom.importlib, "import_module", refuse)
    with pytest.raises(SynaxialError) as refused:
        open_fetched(tmp_path)
    assert str(refused.value) == f"pydicom: {NOT_INSTALLED[0]}; expected " + "; ".join(
        NOT_INSTALLED[1:]
    )


def test_nothing_of_a_patient_reaches_a_file_or_a_log(
    tmp_path: Path, run_process: Callable[..., Any]
) -> None:
    """Run the commands as the rules do, on an export with names in paths and descriptions."""
    make_export(tmp_path / "export")
    write_series(
        tmp_path / "export" / "1.2.826.0.1.3680" / "x",
        patient=("MUELLER^OTTO", "ACC55310", "19540617"),
        description="flair Mueller 2019-04-12 ACC55310",
        leave_out=(5,),
    )
    study = {
        "acquire": settings_for(tmp_path / "export", on_bad_volume="skip").model_dump(mode="json"),
        "slice": {"first": 3, "last": 12},
    }
    config, results = tmp_path / "study.yaml", tmp_path / "results"
    config.write_text(yaml.safe_dump(study))
    said = []

    def run(*words: str | Path) -> None:
        done = run_process(*words, "--config", config)
        said.append(done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr

    run("data", "fetch", "--output", results / "source")
    run("data", "acquire", "--fetched", results / "source", "--output", results / "volumes")
    records = sorted((results / "volumes").glob("*.json"))
    run("data", "manifest", "--output", results / "manifest.csv", *records)
    table = pandas.read_csv(results / "manifest.csv", keep_default_na=False)
    assert sorted(table["status"]) == ["ok", "ok", "ok", "skipped"]
    assert "series 4 'flair … … …': 1 of 16 slices missing" in " ".join(table["reason"])
    used = table["subject"][list(table["status"]).index("ok")]
    cutting.run(
        volume=results / "volumes" / f"{used}_flair.nii.gz",
        record=results / "volumes" / f"{used}.json",
        output=results / "slices.tif",
        config=config,
    )
    written = [path for path in results.rglob("*") if path.is_file()]
    assert len(written) > 4 * 3
    texts = {str(path.relative_to(results)): path.read_bytes() for path in written}
    packed = {name: content for name, content in texts.items() if name.endswith(".gz")}
    texts |= {f"{name}, unpacked": gzip.decompress(text) for name, text in packed.items() if text}
    texts |= {f"output {n}": text.encode() for n, text in enumerate(said)}
    for name, content in texts.items():
        lower = (name.encode() + content).lower()
        assert [secret for secret in SECRETS if secret.lower().encode() in lower] == [], name
