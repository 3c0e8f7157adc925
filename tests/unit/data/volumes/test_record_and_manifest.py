import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from synaxial.data.sources.source import RawVolume
from synaxial.data.volumes.acquire import left_per_slice, make_record
from synaxial.data.volumes.canonical import make_canonical
from synaxial.data.volumes.manifest import (
    COLUMNS,
    judge_record,
    make_manifest,
    summary_of_warnings,
)
from synaxial.data.volumes.record import (
    SKIPPED,
    Record,
    read_record,
    wanted_slices,
    write_record,
)
from synaxial.io.errors import BadVolumeError, SynaxialError
from synaxial.io.files import write_csv

from ..heads import CHECK, SHAPE, make_head, make_image, make_labels


def record_of(subject: str = "BRATS_001", labelled: bool = True) -> Record:
    image = make_image(make_head())
    raw = RawVolume(image, None, "copy/a.nii", "ab" * 32)
    volume = make_canonical(image, CHECK, "copy")
    return make_record(
        subject, subject, "directory", raw, volume, make_labels() if labelled else None, []
    )


def skipped_record(reason: str) -> Record:
    return Record(
        subject="BRATS_002", person="BRATS_002", status=SKIPPED, reason=reason, source="directory"
    )


def test_a_record_describes_the_volume(tmp_path: Path) -> None:
    record = dataclasses.asdict(record_of())
    brain = make_head()[make_head() > 0]
    assert record["status"] == "ok"
    assert record["reason"] == ""
    assert record["origin"] == "copy/a.nii"
    assert record["sha256"] == "ab" * 32
    assert record["shape"] == list(SHAPE)
    assert record["spacing_mm"] == [1, 1, 1]
    assert record["orientation"] == "LPS"
    assert record["intensity"]["p50"] == np.median(brain)
    assert list(record["intensity"]) == ["p1", "p5", "p25", "p50", "p75", "p95", "p99"]
    assert record["brain_voxels"] == brain.size
    assert record["brain_voxels_per_slice"] == [0, 25, 25, 25, 25, 0]
    assert record["tumour_voxels_per_slice"] == [0, 0, 3, 0, 0, 0]
    assert record["tumour_left_per_slice"] == left_per_slice(make_labels(), make_head())
    assert record["notes"] == []
    assert record["warnings"] == []
    write_record(tmp_path / "a.json", record_of())
    assert json.loads((tmp_path / "a.json").read_text()) == record
    assert read_record(tmp_path / "a.json") == record_of()


def test_a_record_without_a_segmentation() -> None:
    record = record_of(labelled=False)
    assert record.tumour_voxels_per_slice is None
    assert record.tumour_left_per_slice is None


def test_the_part_of_a_tumour_on_the_left_of_the_middle_of_the_brain() -> None:
    """The first axis runs to the left; the brain is not in the middle of the volume."""
    brain, tumour = np.zeros((10, 4, 3)), np.zeros((10, 4, 3))
    brain[1:6] = 1  # its centroid is at 3
    tumour[4:6, 0, 0] = 1
    tumour[1:5, 0, 1] = 1  # 1 and 2 to the right, 3 in the middle, 4 to the left
    assert left_per_slice(tumour, brain) == [1.0, 0.375, 0.5]
    assert left_per_slice(tumour[::-1], brain[::-1])[0] == 0.0


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (1, 6, r"6 axial slices, 1 mm apart, up to a level of 5 mm; .* levels of 1 to 6 mm"),
        (0, 3, r"1 of the slices 0 to 3 hold no brain, first slice 0; .* slices 1 to 4"),
        (5, 5, r"1 of the slices 5 to 5 hold no brain"),
    ],
)
def test_missing_slices_are_refused(first: int, last: int, message: str) -> None:
    with pytest.raises(BadVolumeError, match=rf"BRATS_001 \(copy/a.nii\): {message}"):
        wanted_slices(record_of(), first, last)


def test_slices_with_brain_are_accepted() -> None:
    assert wanted_slices(record_of(), 1, 4) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("apart", "count", "numbers"),
    [
        (1.0, 155, range(60, 108)),
        # As a header with 32 bits may say it.
        (0.999999, 155, range(60, 108)),
        (0.5, 300, range(120, 215)),
        # At 60, 65, …, 105 mm.
        (5.0, 22, range(12, 22)),
    ],
)
def test_wanted_slices_lie_between_two_levels_in_mm(
    apart: float, count: int, numbers: range
) -> None:
    record = Record(
        subject="001",
        person="1",
        spacing_mm=[1, apart, 1],
        orientation="ASL",
        brain_voxels_per_slice=[9] * count,
    )
    assert record.canonical_spacing == (1, 1, apart)
    assert wanted_slices(record, 60, 107) == list(numbers)
    lower = dataclasses.replace(record, brain_voxels_per_slice=[9] * (numbers[-1]))
    with pytest.raises(BadVolumeError, match="mm apart, up to a level of"):
        wanted_slices(lower, 60, 107)


def test_no_slice_between_two_levels() -> None:
    record = Record(
        subject="001",
        person="1",
        spacing_mm=[1, 1, 5],
        orientation="LPS",
        brain_voxels_per_slice=[9] * 22,
    )
    with pytest.raises(BadVolumeError, match=r"22 axial slices, 5 mm apart, .* levels of 61 to 64"):
        wanted_slices(record, 61, 64)


def test_a_judgement_skips_or_fails() -> None:
    judged = judge_record(record_of(), 0, 4, "skip")
    assert judged.skipped
    assert "hold no brain" in judged.reason
    with pytest.raises(BadVolumeError):
        judge_record(record_of(), 0, 4, "fail")
    assert judge_record(record_of(), 1, 4, "fail") == record_of()
    skipped = skipped_record("bad")
    assert judge_record(skipped, 1, 4, "fail") == skipped


def test_the_manifest_is_a_table_of_all_subjects(tmp_path: Path) -> None:
    records = [
        record_of("BRATS_010"),
        skipped_record("too, bad"),
        dataclasses.replace(
            record_of("BRATS_001", labelled=False), notes=["one", "two"], warnings=["side"]
        ),
    ]
    write_csv(tmp_path / "manifest.csv", COLUMNS, make_manifest(records))
    with (tmp_path / "manifest.csv").open(newline="") as file:
        table = list(csv.DictReader(file))

    def column(name: str) -> list[str]:
        return [row[name] for row in table]

    assert list(table[0]) == COLUMNS
    assert column("subject") == ["BRATS_001", "BRATS_002", "BRATS_010"]
    assert column("status") == ["ok", "skipped", "ok"]
    assert column("reason")[1] == "too, bad"
    assert column("notes")[0] == "one | two"
    assert column("warnings") == ["side", "", ""]
    assert summary_of_warnings(tmp_path / "manifest.csv") == ["BRATS_001: side"]
    assert column("tumour_voxels") == ["", "", "3"]
    assert column("brain_voxels") == ["100", "0", "100"]
    assert column("first_brain_slice") == ["1", "", "1"]
    assert column("shape")[0] == "7x8x6"
    assert column("spacing_mm")[0] == "1x1x1"
    assert column("p50")[1] == ""
    assert make_manifest(reversed(records)) == make_manifest(records)


def test_two_records_of_a_subject_are_an_error() -> None:
    with pytest.raises(SynaxialError, match="BRATS_001: has two records"):
        make_manifest([record_of(), record_of()])


def test_a_manifest_of_skipped_subjects_only_is_an_error() -> None:
    with pytest.raises(SynaxialError, match=r"all 1 subjects are skipped \(bad\)"):
        make_manifest([skipped_record("bad")])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"subject": "a", "colour": 1}'])
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(SynaxialError, match=r"a\.json: .*expected a"):
        read_record(path)
