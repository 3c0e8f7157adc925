"""A batch of subjects: what is written, what is written again, and what one bad subject costs."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from synaxial.config import as_yaml, part_of_study, read_study
from synaxial.data.prepared import prepare
from synaxial.data.prepared.batches import cut_into_batches
from synaxial.data.prepared.memory import (
    Wanted,
    digest_of,
    files_of,
    memory_of,
    state_of_subject,
    wanted_stages,
)
from synaxial.data.slices import mask, resize
from synaxial.data.slices import slice as cutting
from synaxial.data.volumes import acquire
from synaxial.io.errors import SynaxialError
from synaxial.io.files import is_placeholder

from ..heads import SHAPE, make_brats2020, make_head, save

NAMES = [f"BraTS20_Training_{number:03d}" for number in (1, 2, 3)]


class Batch:
    """Three subjects in a folder, of whom the third has no segmentation, and their study."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.results = folder, folder / "results"
        self.table = self.results / "prepared" / "training_0.csv"
        make_brats2020(folder / "data", suffix=".nii.gz")
        self.original(2, "seg").unlink()
        self.write()

    def write(self, **keys: Any) -> None:
        """Write the study with other keys of its sections."""
        study: dict[str, Any] = {
            "acquire": {
                "source": "directory",
                "subjects": "all",
                "volume": {"shape": list(SHAPE)},
                "directory": {"path": str(self.folder / "data")},
            },
            "slice": {"first": 1, "last": 4},
            "resize": {"size": 16},
        }
        for section, values in keys.items():
            study[section] |= values
        (self.folder / "study.yaml").write_text(yaml.safe_dump(study))

    def original(self, number: int, kind: str = "flair") -> Path:
        name = NAMES[number]
        return self.folder / "data" / name / f"{name}_{kind}.nii.gz"

    def states(self) -> list[str]:
        """The state of each subject, as the rule tells it."""
        wanted = wanted_of(self.folder / "study.yaml")
        return [
            state_of_subject(
                [path for path in map(self.original, (n, n), ("flair", "seg")) if path.exists()],
                self.results,
                name,
                wanted,
            )
            for n, name in enumerate(NAMES)
        ]

    def run(self, threads: int = 1) -> set[str]:
        """Prepare the subjects as the rule does, and return the files that were written."""
        before = self.times()
        prepare.run(
            output=self.results,
            fetched=self.folder,
            table=self.table,
            config=self.folder / "study.yaml",
            subjects=NAMES,
            states=",".join(self.states()),
            threads=threads,
        )
        return self.written_since(before)

    def times(self) -> dict[str, int]:
        return {
            name: (self.results / name).stat().st_mtime_ns
            for subject in NAMES
            for stage in prepare.STAGES
            for name in files_of(stage, subject)
            if (self.results / name).exists()
        }

    def written_since(self, before: dict[str, int]) -> set[str]:
        return {name for name, time in self.times().items() if before.get(name) != time}


def wanted_of(config: Path) -> Wanted:
    return wanted_stages(read_study(config), lambda stage: prepare.STAGES[stage].VERSION)


def of(subjects: list[str], *stages: str) -> set[str]:
    return {name for each in subjects for stage in stages for name in files_of(stage, each)}


ALL = of(NAMES, *prepare.STAGES)


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(tmp_path)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("voxels", ["int16", "float32"])
def test_the_files_are_those_of_the_single_commands(
    batch: Batch, threads: int, voxels: str
) -> None:
    for number in (0, 1):
        head = make_head(number).astype(voxels) / (3 if voxels == "float32" else 1)
        save(batch.original(number), head.astype(voxels))
    assert batch.run(threads) == ALL
    config, single = batch.folder / "study.yaml", batch.folder / "single"
    for name in NAMES:
        volumes = single / "volumes"
        state = str(memory_of(batch.results, name).originals)
        acquire.run(batch.folder, volumes, config, subject=name, state=state)
        record, labels = volumes / f"{name}.json", volumes / f"{name}_seg.nii.gz"
        slices = single / "slices" / f"{name}.tif"
        cutting.run(volumes / f"{name}_flair.nii.gz", record, slices, config)
        resize.run(slices, record, single / "images" / f"{name}.tif", config)
        if name != NAMES[2]:
            mask.run(labels, record, single / "masks" / f"{name}.tif", config)
    for file in ALL - of(NAMES[2:], "mask"):
        assert (batch.results / file).read_bytes() == (single / file).read_bytes(), file
    assert is_placeholder(batch.results / "masks" / f"{NAMES[2]}.tif")
    with batch.table.open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["subject"], row["status"]) for row in rows] == [(name, "ok") for name in NAMES]


def test_what_is_current_is_not_made_again(batch: Batch) -> None:
    batch.run()
    states, table = batch.states(), batch.table.read_bytes()
    assert batch.run() == set()
    assert (batch.states(), batch.table.read_bytes()) == (states, table)


CHANGES = {
    "window": ({"slice": {"window": [5, 95]}}, ("slice", "resize")),
    "slices": ({"slice": {"last": 3}}, ("slice", "resize", "mask")),
    "filter": ({"resize": {"filter": "nearest"}}, ("resize", "mask")),
    "check": ({"acquire": {"volume": {"affine": "sform", "shape": SHAPE}}}, tuple(prepare.STAGES)),
    "bad volumes": ({"acquire": {"on_bad_volume": "skip"}}, ()),
    "other subjects": ({"acquire": {"subjects": "001-003"}}, ()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_setting_reaches_the_stages_that_read_it(batch: Batch, change: str) -> None:
    keys, stages = CHANGES[change]
    batch.run()
    batch.write(**keys)
    assert batch.run() == of(NAMES, *stages)


@pytest.mark.parametrize("stage", ["acquire", "slice", "resize", "mask"])
def test_a_raised_version_reaches_its_stage_and_those_after_it(
    batch: Batch, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.run()
    monkeypatch.setattr(prepare.STAGES[stage], "VERSION", 99)
    after = {"acquire": tuple(prepare.STAGES), "slice": ("slice", "resize")}
    assert batch.run() == of(NAMES, *after.get(stage, (stage,)))


def test_a_lost_file_is_made_again_with_those_that_are_made_from_it(batch: Batch) -> None:
    batch.run()
    before, contents = batch.states(), {name: (batch.results / name).read_bytes() for name in ALL}
    (batch.results / f"slices/{NAMES[0]}.tif").unlink()
    (batch.results / f"volumes/{NAMES[1]}_flair.nii.gz").write_bytes(b"cut off")
    now = batch.states()
    assert [a != b for a, b in zip(before, now, strict=True)] == [True, True, False]
    # The state that Snakemake was told is the state afterwards, so that nothing runs a second time.
    expected = of(NAMES[:1], "slice", "resize") | of(NAMES[1:2], *prepare.STAGES)
    assert batch.run() == expected
    assert batch.states() == now
    assert {name: (batch.results / name).read_bytes() for name in ALL} == contents


def test_a_corrected_volume_is_read_again_and_a_touched_one_is_not(batch: Batch) -> None:
    batch.run()
    states = batch.states()
    for number in (0, 1):
        batch.original(number).touch()
    assert batch.states() == states
    save(batch.original(1), make_head(9))
    os.utime(batch.original(1), (10**9, 10**9))
    assert batch.states()[1] != states[1]
    assert batch.run() == of(NAMES[1:2], *prepare.STAGES)
    assert batch.states()[0] == states[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_bad_subjects_cost_themselves_alone(
    batch: Batch, threads: int, run_synaxial: Callable[..., Any]
) -> None:
    for number in (0, 2):
        batch.original(number).write_bytes(b"no volume")
    told = run_synaxial(
        *("data", "prepare", "--config", batch.folder / "study.yaml"),
        *("--fetched", batch.folder, "--output", batch.results, "--table", batch.table),
        *("--threads", threads),
    )
    assert told.returncode == 65
    errors = [line for line in told.stderr.splitlines() if "error:" in line]
    assert [line.split(" (")[0] for line in errors] == [
        f"synaxial data prepare: error: {NAMES[number]}" for number in (0, 2)
    ]
    assert set(batch.times()) == of(NAMES[1:2], *prepare.STAGES)
    assert not batch.table.exists()
    save(batch.original(0), make_head(1))
    save(batch.original(2), make_head(3))
    assert batch.run(threads) == ALL - of(NAMES[1:2], *prepare.STAGES)
    assert batch.table.exists()


def test_a_volume_that_became_bad_leaves_nothing_of_the_old_one(batch: Batch) -> None:
    batch.run()
    batch.original(0).write_bytes(b"no volume")
    with pytest.raises(SynaxialError, match=NAMES[0]):
        batch.run()
    assert set(batch.times()) == of(NAMES[1:], *prepare.STAGES)


def test_bad_volumes_can_be_left_out(batch: Batch) -> None:
    batch.write(acquire={"on_bad_volume": "skip"})
    batch.original(1).write_bytes(b"no volume")
    batch.run()
    for file in of(NAMES[1:2], *prepare.STAGES) - {f"volumes/{NAMES[1]}.json"}:
        assert is_placeholder(batch.results / file)
    assert f"{NAMES[1]},skipped," in batch.table.read_text()
    # One that lacks slices too.
    batch.write(acquire={"on_bad_volume": "skip"}, slice={"first": 4, "last": 5})
    batch.run()
    assert batch.table.read_text().count(",skipped,") == 3
    assert is_placeholder(batch.results / f"images/{NAMES[0]}.tif")
    assert not is_placeholder(batch.results / f"volumes/{NAMES[0]}_flair.nii.gz")


def test_a_skipped_subject_is_made_again_if_the_study_wants_it(batch: Batch) -> None:
    batch.original(1).write_bytes(b"no volume")
    batch.write(acquire={"on_bad_volume": "skip"})
    batch.run()
    states = batch.states()
    assert batch.run() == set()
    batch.write(acquire={"on_bad_volume": "fail"})
    assert [a != b for a, b in zip(states, batch.states(), strict=True)] == [False, True, False]
    before = batch.times()
    with pytest.raises(SynaxialError, match=f"^{NAMES[1]} "):
        batch.run()
    assert batch.written_since(before) == set()
    batch.write(acquire={"on_bad_volume": "skip"})
    assert batch.run() == of(NAMES[1:2], *prepare.STAGES)


def test_the_digests_of_a_study_that_skips_nothing_are_those_of_old_releases(batch: Batch) -> None:
    study = read_study(batch.folder / "study.yaml")
    wanted = wanted_stages(study, lambda _: 5)
    assert wanted.stages == {
        stage: digest_of([5, part_of_study(study, stage)]) for stage in prepare.STAGES
    }


def test_a_tumour_beyond_the_image_costs_the_masks_alone(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise SynaxialError("resize", "would cut the tumour")

    monkeypatch.setattr(mask, "mask_slices", refuse)
    batch.run()
    assert is_placeholder(batch.results / f"masks/{NAMES[0]}.tif")
    assert f"{NAMES[0]}: there are no masks of this subject: resize: would cut" in caplog.text
    # What is current is not made again, but the reason is still known.
    batch.run()
    reasons = [memory_of(batch.results, name).no_masks for name in NAMES]
    assert reasons == ["resize: would cut the tumour"] * 2 + ["no segmentation"]


def test_a_damaged_file_of_labels_is_no_subject_without_masks(batch: Batch) -> None:
    batch.run()
    labels = batch.results / f"volumes/{NAMES[0]}_seg.nii.gz"
    # Damaged on the disk, with the size that it had.
    labels.write_bytes(b"\0" * labels.stat().st_size)
    batch.write(resize={"filter": "nearest"})
    with pytest.raises(SynaxialError, match=f"{NAMES[0]}_seg.nii.gz: cannot be read"):
        batch.run()
    assert not (batch.results / f"masks/{NAMES[0]}.tif").exists()


def test_a_fault_of_the_program_costs_one_subject(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make = acquire.make_record

    def fail(subject: str, *rest: Any) -> Any:
        if subject == NAMES[1]:
            raise ZeroDivisionError("in the middle")
        return make(subject, *rest)

    monkeypatch.setattr(acquire, "make_record", fail)
    with pytest.raises(SynaxialError, match=f"^{NAMES[1]}: ZeroDivisionError: in the middle"):
        batch.run()
    assert "Traceback" in caplog.text
    assert set(batch.times()) == ALL - of(NAMES[1:2], *prepare.STAGES)


def test_a_killed_process_is_told_in_one_line(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acquire, "make_record", lambda *_: os._exit(9))
    with pytest.raises(SynaxialError, match="prepare: a process was killed; expected enough mem"):
        batch.run(threads=2)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to end processes")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_a_killed_command(batch: Batch, how: signal.Signals) -> None:
    for number in range(3):
        # Whoever reads it waits for ever.
        batch.original(number).unlink()
        os.mkfifo(batch.original(number))
    arguments = ["data", "prepare", "--config", batch.folder / "study.yaml", "--threads", 2]
    arguments += ["--fetched", batch.folder, "--output", batch.results, "--table", batch.table]
    command = [sys.executable, "-m", "synaxial", *map(str, arguments)]
    with subprocess.Popen(command) as process:
        workers: list[psutil.Process] = []
        until = time.monotonic() + 60
        while len(workers) < 2:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
            workers = psutil.Process(process.pid).children()
        # So that they have asked, too.
        time.sleep(0.5)
        process.send_signal(how)
    gone, alive = psutil.wait_procs(workers, timeout=10)
    for worker in alive:
        worker.kill()
    assert (len(gone), alive) == (2, [])


def test_killed_among_new_files_old_settings_make_them_again(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.run()
    contents = {name: (batch.results / name).read_bytes() for name in ALL}
    states = batch.states()
    batch.write(resize={"filter": "nearest"})

    def kill(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(mask, "mask_slices", kill)
        with pytest.raises(KeyboardInterrupt):
            batch.run()
    # As if its new files had the sizes of the old ones.
    for name in of(NAMES[:1], "resize", "mask"):
        (batch.results / name).write_bytes(b"\0" * len(contents[name]))
    batch.write(resize={"filter": "bicubic"})
    assert [a != b for a, b in zip(states, batch.states(), strict=True)] == [True, False, False]
    assert batch.run() == of(NAMES[:1], "resize", "mask")
    assert {name: (batch.results / name).read_bytes() for name in ALL} == contents


def test_the_state_tells_of_settings_that_another_batch_had(batch: Batch) -> None:
    batch.run()
    states = batch.states()
    batch.write(resize={"filter": "nearest"})
    assert not set(states) & set(batch.states())
    batch.run()
    batch.write(resize={"filter": "bicubic"})
    assert not set(states) & set(batch.states())


def test_another_version_of_the_table_computes_its_rows(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch.run()
    monkeypatch.setattr(prepare, "VERSION", 99)
    monkeypatch.setattr(prepare, "_row", lambda _, subject: {"subject": subject, "status": "new"})
    assert batch.run() == set()
    assert batch.table.read_text().count(",new,") == 3


@pytest.mark.parametrize(
    "source",
    [
        {"source": "directory", "directory": {"path": "here"}},
        {"source": "dicom", "dicom": {"path": "here"}, "conform": {"skull": False}},
        {"source": "phantom"},
    ],
)
def test_the_plan_and_the_command_want_the_same(tmp_path: Path, source: dict[str, Any]) -> None:
    whole, part = tmp_path / "whole.yaml", tmp_path / "part.yaml"
    study = {"acquire": {**source, "subjects": "001-002"}, "slice": {"first": 1}}
    study |= {"resize": {"size": 64}, "experiments": {"one": {"masks": True}}}
    whole.write_text(yaml.safe_dump(study))
    part.write_text(as_yaml(part_of_study(read_study(whole), "prepare")))
    assert wanted_of(whole) == wanted_of(part)


def test_batches_are_of_one_kind_and_of_32_at_most() -> None:
    names = [f"{number:03d}" for number in range(40)]
    batches = cut_into_batches("training", names)
    assert [len(subjects) for subjects in batches.values()] == [32, 8]
    assert list(batches) == ["training_0", "training_1"]
    assert [name for subjects in batches.values() for name in subjects] == names
    # One more changes the last alone.
    more = cut_into_batches("training", [*names, "040"])
    assert more["training_0"] == batches["training_0"]
    assert cut_into_batches("held_out", []) == {}
