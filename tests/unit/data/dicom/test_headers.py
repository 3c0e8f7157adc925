"""What is read of the headers of an export, and what is hidden."""

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from synaxial.data.dicom.headers import read_dataset, read_headers
from synaxial.data.dicom.privacy import hide, private_parts

from ..exports import HANS, SECRETS, SHAPE, VERA, make_header, save, write_multi_frame, write_series

#: The element of the pixels.
LITTLE = bytes.fromhex("e07f1000")
PIXELS = dict.fromkeys(("slice", "implicit", "compressed", "frames"), LITTLE)
PIXELS["big-endian"] = bytes.fromhex("7fe00010")


def read(folder: Path) -> tuple[list, list[int], list[int]]:
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    return read_headers(folder, paths)


@pytest.mark.parametrize("kind", ["slices", "compressed", "frames"])
def test_all_forms_of_a_series_tell_the_same(tmp_path: Path, kind: str) -> None:
    spacing = (0.9, 0.8, 5.0)
    if kind == "frames":
        write_multi_frame(tmp_path / "series.dcm", spacing=spacing)
    else:
        syntax = {"syntax": RLELossless} if kind == "compressed" else {}
        write_series(tmp_path, spacing=spacing, **syntax)
    headers, others, damaged = read(tmp_path)
    assert (others, damaged) == ([], [])
    assert [header.file for header in headers] == list(range(len(headers)))
    first = headers[0]
    assert first.grid == (SHAPE[1], SHAPE[0], 0.8, 0.9, 1, 0, 0, 0, 1, 0)
    assert (first.inversion, first.inversion_time, first.echo_time) == (True, 2500, 120)
    assert (first.patient, first.birth_date, first.time) == (HANS[1], HANS[2], "20190412 142233")
    assert (first.number, first.label, first.thickness) == (4, "t2_flair_tra", 5)
    positions = [position for header in headers for position in header.positions]
    assert [z for _, _, z in positions] == [-40 + 5 * n for n in range(SHAPE[2])]


def test_without_an_id_the_name_and_the_birth_date_are_the_patient(tmp_path: Path) -> None:
    write_series(tmp_path / "a", patient=(HANS[0], "", HANS[2]))
    assert {header.patient for header in read(tmp_path / "a")[0]} == {f"{HANS[0]} {HANS[2]}"}
    write_series(tmp_path / "b", patient=("", "", ""))
    assert {header.patient for header in read(tmp_path / "b")[0]} == {""}


def test_other_files_and_damaged_ones_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a report")
    (tmp_path / "b.lock").touch()
    computed = make_header(Modality="CT", Rows=4, Columns=4)
    computed.SOPClassUID, computed.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    save(tmp_path / "c.dcm", computed)
    whole = write_series(tmp_path / "d")[0].read_bytes()
    for path in (tmp_path / "d").iterdir():
        path.unlink()
    # Cut off within an element.
    (tmp_path / "d" / "d.dcm").write_bytes(whole[:400])
    (tmp_path / "d" / "e.DCM").touch()
    headers, others, damaged = read(tmp_path)
    assert headers == []
    assert others == [0, 1, 2]
    assert damaged == [3, 4]


@pytest.mark.parametrize("kind", ["slice", "big-endian", "implicit", "compressed", "frames"])
@pytest.mark.parametrize("left", ["all", "all but the end", "no pixels"])
def test_pixels_that_are_cut_off_are_damage(tmp_path: Path, kind: str, left: str) -> None:
    if kind == "frames":
        path = write_multi_frame(tmp_path / "a.dcm")
    else:
        path = write_series(
            tmp_path,
            syntax=RLELossless if kind == "compressed" else ExplicitVRLittleEndian,
            leave_out=tuple(range(1, SHAPE[2])),
        )[0]
    if kind in {"big-endian", "implicit"}:
        forms = {"big-endian": ExplicitVRBigEndian, "implicit": ImplicitVRLittleEndian}
        image = Dataset()
        image.update(dcmread(path))
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = forms[kind]
        image.save_as(path, enforce_file_format=True)
    content = path.read_bytes()
    # The end of compressed pixels is a delimiter of 8 bytes.
    ends = {"all": len(content), "all but the end": -10, "no pixels": content.rfind(PIXELS[kind])}
    path.write_bytes(content[: ends[left]])
    headers, _, damaged = read(tmp_path)
    assert (len(headers), damaged) == ((1, []) if left == "all" else (0, [0]))


def test_fewer_pixels_than_the_header_says_are_damage(tmp_path: Path) -> None:
    """The element and the file are whole, but too small for the image."""
    path = write_series(tmp_path, leave_out=tuple(range(1, SHAPE[2])))[0]
    image = dcmread(path)
    image.Rows += 1
    image.save_as(path)
    assert read(tmp_path) == ([], [], [0])


def test_fewer_compressed_frames_than_the_header_says_are_damage(tmp_path: Path) -> None:
    path = write_series(tmp_path, syntax=RLELossless, leave_out=tuple(range(1, SHAPE[2])))[0]
    image = dcmread(path)
    image.NumberOfFrames = 2
    image.save_as(path)
    assert read(tmp_path) == ([], [], [0])


def test_private_words_are_hidden(tmp_path: Path) -> None:
    description = "flair Mueller, Hans 2019-04-12 HX7734412 of 3.12.1961 1.0x1.0"
    path = write_series(tmp_path, description=description)[0]
    label = read(tmp_path)[0][0].label
    assert label == "flair …, … … … of … 1.0x1.0"
    assert not [secret for secret in SECRETS if secret.lower() in label.lower()]
    parts = private_parts(dcmread(path, stop_before_pixels=True))
    assert {"MUELLER^HANS", "MUELLER", "HANS", "HX7734412", "DOCTORSON"} <= parts


def test_the_name_of_another_patient_is_hidden(tmp_path: Path) -> None:
    write_series(tmp_path / "one", patient=HANS, description="t2_flair for Vera")
    write_series(tmp_path / "two", patient=VERA, description="t2_flair MUELLER_ZYBALLA")
    labels = {header.label for header in read(tmp_path)[0]}
    assert labels == {"t2_flair for …", "t2_flair …_…"}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("MÜLLER", "Mueller muller MÜLLER Mu\u0308ller"),
        ("MUELLER", "müller Muller"),
        ("MULLER", "müller Mueller"),
        ("Huber", "HÜBER Hueber"),
        ("KÖßLER", "Koessler Kossler KÖẞLER"),
        ("Jäger", "JAEGER jager"),
        ("SØRENSEN", "Soerensen Sorensen Sörensen"),
        ("Núñez", "NUNEZ"),
        ("Bauer", "baur"),
    ],
)
def test_a_name_in_another_spelling_is_hidden(tmp_path: Path, name: str, written: str) -> None:
    files = write_series(
        tmp_path, patient=(f"{name}^X", "1", ""), description=f"flair {written} Schädel"
    )
    dataset = dcmread(files[0], stop_before_pixels=True)
    assert dataset.PatientName == f"{name}^X"
    hidden = ["…"] * len(written.split())
    assert read(tmp_path)[0][0].label == " ".join(["flair", *hidden, "Schädel"])


def test_what_is_no_name_keeps_its_letters() -> None:
    assert hide("Schädel true fluid Großhirn", frozenset(["Lü", "Roe", "Tra"])) == (
        "Schädel true fluid Großhirn"
    )
    assert hide("LUE tra roebuck", frozenset(["Lü", "Roe"])) == "… tra …buck"


def test_a_short_name_is_hidden_where_it_is_a_word() -> None:
    assert hide("t2 tra LI\x07 slices", frozenset(["Li"])) == "t2 tra … slices"


def test_a_strange_value_is_no_warning(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_series(tmp_path)[0]
    content = path.read_bytes().replace(b"19611203", b"3.12. 61")
    path.write_bytes(content)
    dataset = read_dataset(path, ["PatientBirthDate"])
    assert dataset is not None
    assert dataset.PatientBirthDate == "3.12. 61"
    assert not recwarn.list
    assert caplog.text == ""
