"""Time to quality: trainings that store images at fixed minutes, and what is said of them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from benchmarks.__main__ import OTHER_PYTHON
from benchmarks.quality import measurement
from benchmarks.quality.distances import Distance, Point, read_snapshots
from benchmarks.quality.ours import Clock

from synaxial.evaluation.measurements import SET, write_measurements
from synaxial.evaluation.metrics import sliced_wasserstein
from synaxial.io.errors import SynaxialError
from synaxial.io.images import as_grey
from synaxial.io.stacks import read_stack

from ...conftest import ROOT
from ..gan.train.conftest import COARSE_TO_FINE, TINY, write_dataset

#: An interpreter with PyTorch and lightweight-gan.
PEER = os.environ.get("PEER_PYTHON", str(OTHER_PYTHON))

#: The folder of the interpreter's programs.
BINARIES = Path(sys.executable).parent

SAMPLE = {"stacks": 2, "images": 5}


def write_study(folder, width, name, **training):
    """Write a study, whose networks make images of this width."""
    study = {
        "resize": {"size": width},
        "training": {**TINY, **training},
        "experiments": {name: {}},
        "sample": SAMPLE,
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))


def run(folder, contender, *marks, ranks=1):
    """Train a contender in processes of its own, which have clocks of their own."""
    command = [sys.executable, "-m", "benchmarks.quality", contender, "--results", folder]
    command += ["--output", folder, "--study", folder / "study.yaml", "--ranks", ranks]
    launch = [BINARIES / "mpiexec", "-n", ranks] if ranks > 1 else []
    command = [*map(str, [*launch, *command, "--at", *marks])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return read_snapshots(folder / contender)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The paper's recipe, tiny, whose last epoch is over long before the last minute."""
    folder = tmp_path_factory.mktemp("whole")
    write_dataset(folder / "dataset", width=16)
    write_study(folder, 16, "final")
    return folder, run(folder, "paper", 1e-4, 90)


def test_it_is_the_training_of_the_command(whole, run_synaxial):
    folder, _ = whole
    words = ["train", "--config", folder / "study.yaml", "--experiment", "final", "--device", "cpu"]
    words += ["--dataset", folder / "dataset", "--checkpoints", folder / "other"]
    assert run_synaxial(*words, "--output", folder / "trained").returncode == 0
    with (
        np.load(folder / "paper" / "generator.npz") as ours,
        np.load(folder / "trained" / "generator.npz") as theirs,
    ):
        assert ours.files == theirs.files
        for name in ours.files:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_its_images_are_those_of_the_command(whole, run_synaxial):
    """A minute that passed before the first iteration has no images; the end of the training has.

    They are those that a user gets.
    """
    folder, (snapshot,) = whole
    made = []
    for stack in range(SAMPLE["stacks"]):
        path = folder / f"stack_{stack}.tif"
        words = ["sample", "--config", folder / "study.yaml", "--stack", stack, "--output", path]
        done = run_synaxial(*words, "--generator", folder / "paper" / "generator.npz")
        assert done.returncode == 0, done.stderr
        made.append(as_grey(read_stack(path).pages))
    stored = np.load(folder / "paper" / snapshot["file"])
    np.testing.assert_array_equal(stored, np.concatenate(made))
    assert snapshot["steps"] == 20 and snapshot["trained_images"] == 80


def test_it_goes_on_from_its_last_images(tmp_path):
    """The up-sampler's minutes count: its training has ended before the first images."""
    write_dataset(tmp_path / "dataset", width=32)
    write_study(tmp_path, 32, "modern", **COARSE_TO_FINE)
    (first,) = run(tmp_path, "modern", 90)
    record = json.loads((tmp_path / "modern" / "upsampler.json").read_text())
    assert 0 < record["minutes"] <= first["minutes"]
    # More epochs extend a training.
    write_study(tmp_path, 32, "modern", **{**COARSE_TO_FINE, "epochs": 100000})
    mark = first["minutes"] + 0.05
    again, second = run(tmp_path, "modern", first["minutes"] / 2, mark)
    assert again == first
    assert mark - 0.01 < second["minutes"] < mark + 0.05
    assert first["steps"] < second["steps"]
    assert first["wall_minutes"] < second["wall_minutes"]
    images = [np.load(tmp_path / "modern" / line["file"]) for line in (first, second)]
    assert images[0].shape == images[1].shape == (10, 32, 32)
    assert (images[0] != images[1]).any()


@pytest.mark.mpi
def test_it_trains_on_several_ranks(tmp_path):
    """The networks are those of the commands on as many ranks."""
    write_dataset(tmp_path / "dataset", width=32)
    write_study(tmp_path, 32, "modern", **COARSE_TO_FINE)
    (snapshot,) = run(tmp_path, "modern", 90, ranks=2)
    assert snapshot["cores"] == len(os.sched_getaffinity(0))
    words = ["--config", tmp_path / "study.yaml", "--experiment", "modern", "--device", "cpu"]
    words += ["--dataset", tmp_path / "dataset", "--checkpoints", tmp_path / "other", "--ranks", 2]
    words += ["--output", tmp_path / "trained"]
    upsampler = tmp_path / "trained" / "upsampler.npz"
    launch = [BINARIES / "mpiexec", "-n", 2, sys.executable, "-m", "synaxial"]
    for command in (["upsampler", "train"], ["train", "--upsampler", upsampler]):
        subprocess.run([*map(str, [*launch, *command, *words])], check=True, capture_output=True)
    with (
        np.load(tmp_path / "modern" / "generator.npz") as ours,
        np.load(tmp_path / "trained" / "generator.npz") as theirs,
    ):
        for name in ours.files:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_the_minutes_are_those_of_all_ranks():
    """On two cores, a busy rank of two counts wholly, and one busy thread of one rank by half."""
    clocks = [Clock(cores=2, ranks=ranks) for ranks in (1, 2)]
    before = [clock.minutes for clock in clocks]
    start = time.process_time()
    while time.process_time() < start + 0.3:
        pass
    went_by = [clock.minutes - earlier for clock, earlier in zip(clocks, before, strict=True)]
    assert went_by == pytest.approx([0.3 / 2 / 60, 0.3 / 60], rel=0.2)


def has_peer():
    """Return whether there is an environment with the peer."""
    looking = "import importlib.util as u, sys; sys.exit(u.find_spec('lightweight_gan') is None)"
    try:
        return subprocess.run([PEER, "-c", looking], check=False).returncode == 0
    except FileNotFoundError:
        return False


def run_peer(folder, mark):
    """Train the peer until a minute; on this small data set it makes fewer images than 300."""
    command = [PEER, ROOT / "benchmarks" / "peer.py", folder / "dataset" / "images.npy"]
    command += ["--at", mark, "--images", 10, "--threads", 1, "--folder", folder / "peer"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return read_snapshots(folder / "peer")


@pytest.mark.skipif(not has_peer(), reason="no environment with lightweight-gan (PEER_PYTHON)")
def test_the_peer_goes_on_from_its_last_images(tmp_path):
    write_dataset(tmp_path / "dataset", width=64)
    (first,) = run_peer(tmp_path, 0.01)
    again, second = run_peer(tmp_path, first["minutes"] + 0.02)
    assert again == first
    assert 1 <= first["steps"] < second["steps"]
    assert first["minutes"] < second["minutes"]
    images = [np.load(tmp_path / "peer" / line["file"]) for line in (first, second)]
    assert images[0].shape == images[1].shape == (10, 64, 64)
    assert (images[0] != images[1]).any()


def point(minutes, value):
    return Point(minutes, minutes, 2, 1, 1, Distance(value, value, value))


@pytest.fixture
def runs(tmp_path, phantoms):
    """Real images as the stored ones of a contender, and the same with noise before and after."""
    reference, real = phantoms.half(0), phantoms.half(1)
    for name, images in (("reference", reference), ("real", real)):
        rows = sliced_wasserstein.measure(images.pixels)
        path = tmp_path / "controls" / name / "measurements.npz"
        found = {SET: {"groups": images.groups}, sliced_wasserstein.NAME: rows}
        path.parent.mkdir(parents=True)
        write_measurements(path, found)
    for contender, strengths in {"modern": (40, 0), "peer": (60, 50)}.items():
        folder = tmp_path / contender
        folder.mkdir()
        lines = []
        for number, strength in enumerate(strengths, 1):
            noise = np.random.default_rng(0).integers(0, strength + 1, real.pixels.shape)
            images = np.clip(real.pixels + noise, 0, 255).astype(np.uint8)
            np.save(folder / f"{number}.npy", images)
            line = {"file": f"{number}.npy", "minutes": 10.0 * number, "steps": number}
            line |= {"wall_minutes": 12.0 * number, "cores": 2, "trained_images": 8}
            lines.append(json.dumps(line))
        (folder / "snapshots.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "modern" / "generator.json").write_text('{"ranks": [{}, {}]}')
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({"evaluate": {"repeats": 20}}))
    return tmp_path


def test_the_floor_and_the_distances_are_those_of_the_metric(runs, phantoms):
    picture = runs / "picture.png"
    (row,), notes = measurement.measure(runs, runs, runs / "study.yaml", picture)
    halves = [sliced_wasserstein.measure(phantoms.half(n).pixels) for n in (1, 0)]
    floor = sliced_wasserstein.compare(*halves)[sliced_wasserstein.NAME]
    assert f"The floor: {floor:.1f} (" in notes[-1]
    # The last images of `modern` are those of the floor.
    assert f"| 20 | {floor:.1f} (" in notes[-1]
    assert row.ours == 20 and row.other is None and row.ratio is None
    assert "not yet after 10" in row.how and "not in 20 minutes" in row.how
    assert "on 2 cores, preset: modern in 2 ranks. At" in notes[0]
    assert picture.stat().st_size > 10000


def test_sets_of_other_sizes_are_not_compared(runs):
    np.save(runs / "peer" / "2.npy", np.load(runs / "peer" / "2.npy")[:-1])
    with pytest.raises(ValueError, match="35 images against 36"):
        measurement.measure(runs, runs, runs / "study.yaml", runs / "picture.png")


def test_trainings_on_other_cores_are_not_compared(runs):
    record = runs / "peer" / "snapshots.jsonl"
    record.write_text(record.read_text().replace('"cores": 2', '"cores": 4'))
    with pytest.raises(SynaxialError, match=r"has trainings on \[2, 4\] cores"):
        measurement.measure(runs, runs, runs / "study.yaml", runs / "picture.png")


def test_the_rows_of_two_that_are_near_enough():
    floor = Distance(20, 10, 30)
    contenders = {
        "ours": [point(10, 40), point(20, 30), point(30, 35)],
        "other": [point(10, 50), point(40, 25)],
    }
    (row,) = measurement.rows_of(contenders, floor)
    # 30 is 1.5 times the floor, and the first such number counts, whatever follows.
    assert (row.ours, row.other, row.ratio) == (20, 40, 0.5)
