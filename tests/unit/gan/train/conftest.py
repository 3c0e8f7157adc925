"""A dataset of 16 x 16 images and a study whose networks make such images in milliseconds."""

import hashlib
import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml

from synaxial.cli import make_app
from synaxial.data.dataset.reading import COLUMNS
from synaxial.gan.train.stopping import SIGNALS
from synaxial.io.files import write_csv

BINARIES = Path(sys.executable).parent

TINY = {
    "epochs": 4,
    "batch_size": 4,
    "generator": {"channels": [8, 8, 3]},
    "discriminator": {"channels": [4, 8, 8], "kernels": [4, 3, 4]},
    "latent": {"size": 6},
}


def write_dataset(folder, images=20, width=16):
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (images, width, width), dtype=np.uint8)
    np.save(folder / "images.npy", pixels)
    description = {
        "images": images,
        "size": width,
        "sha256": hashlib.sha256((folder / "images.npy").read_bytes()).hexdigest(),
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


def write_index(folder, tumours=True):
    """Write the index.csv of a data set: one subject, every other slice with a tumour."""
    rows = []
    for number in range(len(np.load(folder / "images.npy"))):
        row = {"image": number, "subject": "A", "person": "A", "slice": 60 + number}
        row["level"] = 60.0 + number
        if tumours:
            area = 30 * number * (number % 2)
            row |= {"tumour_voxels": area, "tumour_area": area, "tumour_left": number % 3 / 2}
        rows.append(row)
    write_csv(folder / "index.csv", COLUMNS, rows)


def write_masks(folder, seed=1):
    """Write masks of a data set's images: the high values of a smooth random field."""
    images = np.load(folder / "images.npy")
    grid = np.random.default_rng(seed).normal(size=(len(images), 4, 4))
    times = images.shape[1] // 4
    field = grid.repeat(times, 1).repeat(times, 2)
    np.save(folder / "masks.npy", np.where(field > 0.5, 255, 0).astype(np.uint8))
    digests = [
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("masks.npy", "images.npy")
    ]
    description = {"images": len(images), "sha256": digests[0], "images_sha256": digests[1]}
    (folder / "masks.json").write_text(json.dumps(description))


#: A coarse generator that grows from 8 to 16 pixels, and an up-sampler to 32.
COARSE_TO_FINE = {
    "architecture": "coarse_to_fine",
    "loss": "non_saturating",
    "coarse": {"channels": [8, 6, 4], "first_width": 8, "width_epochs": 2, "fading_epochs": 2},
    "upsampler": {"factor": 2, "width": 8, "crop": 16, "batch_size": 4, "epochs": 4},
    "variation": {"mirror": True, "rotation": 5, "warp": 0.02, "tone": 0.1},
}


class Job:
    """A study on disk, and a command on it, by default `synaxial train`, on any number of ranks."""

    def __init__(self, folder, width=16, command="train", options=(), **training):
        self.folder = folder
        self.width = width
        self.words = command.split()
        self.options = options
        self.dataset = write_dataset(folder / "dataset", width=width)
        self.output = folder / "output"
        self.checkpoints = folder / "checkpoints"
        # By default a checkpoint after every iteration.
        self.monitoring = {"checkpoint_minutes": 1e-9, "checkpoints_kept": 1000}
        self.configure(**training)

    def configure(self, **training):
        study = {
            "resize": {"size": self.width},
            "training": {**TINY, **training},
            "experiments": {"tiny": {}},
            "monitoring": self.monitoring,
        }
        (self.folder / "study.yaml").write_text(yaml.safe_dump(study))

    def arguments(self, ranks=1, output=None, checkpoints=None, options=()):
        arguments = [
            *(*self.words, "--config", self.folder / "study.yaml", "--experiment", "tiny"),
            *("--dataset", self.dataset, "--ranks", ranks, "--device", "cpu"),
            *("--output", output or self.output),
            *("--checkpoints", checkpoints or self.checkpoints),
            *self.options,
            *options,
        ]
        return [str(argument) for argument in arguments]

    def command(self, ranks=1, processes=None, **options):
        processes = ranks if processes is None else processes
        launcher = [str(BINARIES / "mpiexec"), "-n", str(processes)] if processes > 1 else []
        return [*launcher, sys.executable, "-m", "synaxial", *self.arguments(ranks, **options)]

    def run_here(self, **options):
        """Run one rank to its end in this process; return the text of its log."""
        root, text = logging.getLogger(), io.StringIO()
        level, handlers = root.level, root.handlers[:]
        signals = {number: signal.getsignal(number) for number in SIGNALS}
        root.addHandler(logging.StreamHandler(text))
        root.setLevel(logging.INFO)
        try:
            make_app(" ".join(self.words))(self.arguments(**options), standalone_mode=False)
        finally:
            for number, handler in signals.items():
                signal.signal(number, handler)
            for handler in set(root.handlers) - set(handlers):
                handler.close()
            root.handlers[:] = handlers
            root.setLevel(level)
        return text.getvalue()

    def run(self, **options):
        """Run in processes to the end, and return the finished process."""
        command = self.command(**options)
        return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    def start(self, **options):
        return subprocess.Popen(
            self.command(**options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def keep_checkpoints_until(self, iteration):
        """Delete later checkpoints and the output, as if the job had been killed then."""
        for path in self.checkpoints.glob("*/iteration_*.npz"):
            if int(path.stem.removeprefix("iteration_")) > iteration:
                path.unlink()
        shutil.rmtree(self.output, ignore_errors=True)

    def latest_iteration(self, checkpoints=None):
        found = sorted((checkpoints or self.checkpoints).glob("*/iteration_*.npz"))
        return int(found[-1].stem.removeprefix("iteration_")) if found else 0

    def wait_for_iteration(self, process, iteration, seconds=120):
        """Wait until a checkpoint of this iteration is on the disk."""
        until = time.monotonic() + seconds
        while self.latest_iteration() < iteration:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < until, "no checkpoint in time"
            time.sleep(0.005)

    def arrays(self, output=None, name="generator.npz"):
        with np.load((output or self.output) / name, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


def kill_everything(process):
    """Send SIGKILL to a process and all that it started: none of them can clean up."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in family:
        try:
            os.kill(member.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait(30)


def ranks_of(process):
    """The processes of a job that are ranks: Python processes without children."""
    return [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "python" in child.name() and not child.children()
    ]


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)
