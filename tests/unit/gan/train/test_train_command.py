"""`synaxial train` as its users call it: what it writes, and what it says of mistakes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.machine import read_machine
from synaxial.gan.networks.saving import digest_of, load_generator

from .conftest import BINARIES, assert_same

pytestmark = pytest.mark.mpi


def test_it_writes_what_the_readme_says(job):
    job.configure(epochs=6)
    done = job.run()
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in job.output.iterdir()) == [
        "curves.png",
        "discriminator.npz",
        "generator.npz",
        "log.csv",
        "previews",
        "previews.png",
        "run.json",
    ]
    log = pd.read_csv(job.output / "log.csv")
    assert list(log["epoch"]) == [1, 2, 3, 4, 5, 6]
    assert list(log["iteration"]) == [5, 10, 15, 20, 25, 30]
    # Nobody looked at held-out subjects.
    assert log.pop("distance_held_out").isna().all()
    assert np.isfinite(log.to_numpy()).all()
    assert (log["images_per_second"] > 0).all()
    assert log["seconds"].is_monotonic_increasing
    previews = sorted(path.name for path in (job.output / "previews").iterdir())
    assert previews == ["epoch_0000.png", "epoch_0005.png", "epoch_0006.png"]
    with Image.open(job.output / "previews" / "epoch_0000.png") as preview:
        assert preview.size == (64, 64)

    record = json.loads((job.output / "run.json").read_text())
    trained = load_generator(job.output / "generator.npz")
    assert record["digests"]["generator"] == digest_of(trained.network)
    assert record["settings"] == trained.settings
    dataset = json.loads((job.dataset / "dataset.json").read_text())
    assert record["dataset"]["sha256"] == dataset["sha256"]
    assert record["versions"]["chainer"] == "7.8.1"
    assert record["training_seconds"] > 0
    assert record["ranks"][0]["blas"]["version"]
    assert record["threads_per_rank"] == 1
    assert "1 rank x 1 thread on" in done.stderr
    assert "epoch 6.0" in done.stderr
    assert "left" in done.stderr


def test_it_warns_of_a_slow_kernel_and_of_more_threads_than_cores(job, monkeypatch):
    job.configure(epochs=1)
    # A processor without AVX2 has no better kernel, and no warning.
    machine = read_machine(chainer.get_device("@numpy"))
    has_better = bool(machine.vector_instructions) and machine.blas.name == "OpenBLAS"
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    threads = len(machine.cores) + 1
    done = job.run(ranks=2, options=["--threads-per-rank", threads])
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("OPENBLAS_CORETYPE=") == has_better
    assert done.stderr.count(f"2 ranks x {threads} threads share") == 1
    record = json.loads((job.output / "run.json").read_text())
    assert record["threads_per_rank"] == threads
    assert [rank["blas"]["name"] for rank in record["ranks"]] == [machine.blas.name] * 2


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(job):
    folders = [job.folder / name for name in ("first", "second", "third")]
    for folder in folders[:2]:
        assert job.run(output=folder, checkpoints=folder / "ck").returncode == 0
    job.configure(seeds=[2])
    assert job.run(output=folders[2], checkpoints=folders[2] / "ck").returncode == 0
    first, second, third = ((folder / "generator.npz").read_bytes() for folder in folders)
    assert first == second
    assert first != third


def test_a_mistake_of_one_rank_ends_all(job):
    """As when a file is on one node only: the others must not wait for that rank."""
    good = job.command(ranks=2, processes=1)
    bad = [part if not part.endswith("study.yaml") else "nowhere.yaml" for part in good]
    command = [str(BINARIES / "mpiexec"), "-n", "1", *good, ":", "-n", "1", *bad]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 65
    assert "nowhere.yaml: cannot be read" in done.stderr


def test_gradients_are_averaged_over_the_ranks():
    """Two ranks with half a batch each make the step that one rank makes with the whole."""
    script = Path(__file__).with_name("step_of_ranks.py")
    steps = []
    for ranks in ("1", "2"):
        command = [str(BINARIES / "mpiexec"), "-n", ranks, sys.executable, str(script)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        steps.append(json.loads(done.stdout))
    one, two = steps
    assert one["batch"] == 2 * two["batch"]
    np.testing.assert_allclose(one["weights"], two["weights"], rtol=1e-5, atol=1e-7)
    # The halves alone would have made other steps.
    assert not np.allclose(one["weights"], one["of_first_half"], rtol=1e-3)


def test_all_ranks_have_identical_networks(job):
    job.configure(moving_average_images=10)
    script = Path(__file__).with_name("digests_of_ranks.py")
    command = [BINARIES / "mpiexec", "-n", "2", sys.executable, script, job.folder / "study.yaml"]
    done = subprocess.run(
        [*map(str, command), str(job.dataset), str(job.checkpoints)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    ranks = json.loads(done.stdout)
    assert len(ranks) == 2
    assert ranks[0]["networks"] == ranks[1]["networks"]
    # Neither the data nor the noise is the same, or the test would show nothing.
    assert set(ranks[0]["images"]).isdisjoint(ranks[1]["images"])
    assert ranks[0]["latent"] != ranks[1]["latent"]


@pytest.mark.parametrize("loss", ["wasserstein", "mse", "hinge"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_compared_alternatives_run(job, loss, optimizer):
    job.configure(
        epochs=1,
        loss=loss,
        optimizer={"name": optimizer},
        generator={"channels": [8, 8, 3], "activation": "relu", "output_activation": "sigmoid"},
        discriminator={
            "channels": [4, 8],
            "kernels": [4, 3],
            "activation": "elu",
            "last_activation": "tanh",
        },
        latent={"size": 5, "distribution": "uniform"},
    )
    before = job.run()
    assert before.returncode == 0, before.stderr


MISTAKES = {
    "batch": (
        {"training": {"batch_size": 5}, "ranks": 2},
        "batch_size: 5 images do not divide among 2 ranks",
    ),
    "share": (
        {"training": {"batch_size": 2}, "ranks": 2},
        "2 images over 2 ranks are one image a rank; expected at least two",
    ),
    "ranks": ({"processes": 2, "ranks": 3}, "one of 2 ranks; expected 3"),
    "gpu": ({"options": ["--device", "gpu"]}, "--device gpu: CuPy finds 0 GPUs on this node"),
    "device": (
        {"options": ["--device", "tpu"], "ranks": 2},
        "--device: found 'tpu'; expected one of",
    ),
    "experiment": (
        {"options": ["--experiment", "other"], "ranks": 2},
        "'other'; expected one of tiny",
    ),
    "config": (
        {"options": ["--config", "nowhere.yaml"], "ranks": 2},
        "nowhere.yaml: cannot be read",
    ),
    "dataset": ({"options": ["--dataset", "nowhere"]}, "nowhere/images.npy: cannot be read"),
    "width": (
        {"training": {"generator": {"channels": [8, 3]}}},
        "2 generator.channels make images of 8 pixels, but resize.size is 16",
    ),
    "diverged": (
        {"training": {"optimizer": {"name": "sgd", "learning_rate": 1e30}}},
        "a finite number",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line(job, mistake):
    options, expected = MISTAKES[mistake]
    options = dict(options)
    job.configure(**options.pop("training", {}))
    if mistake == "diverged":
        job.monitoring["checkpoint_minutes"] = 1e9
    done = job.run(**options)
    assert done.returncode == 65, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(lines) == 1, done.stderr
    assert expected in lines[0]
    assert not job.output.exists()


@pytest.mark.parametrize("damage", ["cut", "other type", "pickle", "another pixel"])
def test_a_damaged_dataset_is_refused(job, damage):
    path = job.dataset / "images.npy"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "other type":
        np.save(path, np.zeros((20, 16, 16), np.float32))
    elif damage == "another pixel":
        images = np.load(path)
        images[7, 3, 4] ^= 1
        np.save(path, images)
    else:
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    done = job.run(ranks=2)
    assert done.returncode == 65, done.stderr
    assert "images.npy" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dataset_that_says_another_number_of_images_is_refused(job):
    path = job.dataset / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"images": 21}))
    done = job.run()
    assert done.returncode == 65, done.stderr
    assert "dataset.json: describes 21 images; expected 20, as images.npy has" in done.stderr


def test_one_rank_needs_no_mpiexec_and_mpiexec_changes_nothing(job):
    assert job.run(processes=1).returncode == 0
    alone = job.arrays()
    command = [str(BINARIES / "mpiexec"), "-n", "1"]
    other = job.command(output=job.folder / "b", checkpoints=job.folder / "c")
    subprocess.run([*command, *other], check=True, capture_output=True, timeout=120)
    assert_same(alone, job.arrays(job.folder / "b"))
