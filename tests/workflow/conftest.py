"""Snakemake on a small study: made volumes of three subjects, networks of 16 x 16 pixels."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")

SUBJECTS = ("BraTS20_Training_001", "BraTS20_Training_002", "BraTS20_Training_003")

STUDY = {
    "acquire": {
        "source": "directory",
        "subjects": "all",
        "directory": {"path": "data"},
        "volume": {"shape": [24, 24, 16]},
    },
    "slice": {"first": 4, "last": 11},
    "resize": {"size": 16},
    "training": {
        "epochs": 3,
        "batch_size": 4,
        "latent": {"size": 6},
        "generator": {"channels": [8, 8, 3]},
        "discriminator": {"channels": [4, 8], "kernels": [4, 3]},
    },
    "experiments": {"small": {}},
    "sample": {"stacks": 1, "images": 10},
}

#: The same with two subjects to train with and four held out, in images of 64 x 64, the smallest
#: that are evaluated.
EVIDENCE = {
    **STUDY,
    "acquire": {**STUDY["acquire"], "subjects": "001-002", "held_out": "003-006"},
    "resize": {"size": 64},
    "training": {
        "epochs": 1,
        "batch_size": 4,
        "latent": {"size": 6},
        "generator": {"channels": [8, 8, 8, 8, 3]},
        "discriminator": {"channels": [4, 8, 8, 8], "kernels": [4, 4, 4, 4]},
    },
    "experiments": {
        "final": {},
        "relu": {"generator": {"activation": "relu"}, "keep": "best", "validation_epochs": 1},
    },
    "default_experiments": ["final"],
    "sample": {"stacks": 2, "images": 10},
    "evaluate": {"images": 12, "repeats": 10},
}

#: The settings of a coarse generator of 16 x 16 pixels with its up-sampler, for `EVIDENCE`.
COARSE_TO_FINE = {
    "preset": "modern",
    "coarse": {"channels": [8, 6, 4], "first_width": 8, "width_epochs": 1, "fading_epochs": 1},
    "upsampler": {"epochs": 2, "width": 8, "crop": 32, "batch_size": 4},
}

#: The same with an experiment that makes masks, and all kinds of pictures.
MASKED = {
    **EVIDENCE,
    "experiments": {
        "final": {},
        "pairs": {
            "masks": True,
            "generator": {"channels": [8, 8, 8, 8, 2]},
            "augmentation": {"probability": 0.5},
            "keep": "best",
            "validation_epochs": 1,
        },
    },
    "default_experiments": ["pairs"],
    "base": "pairs",
    "render": {"images": True, "nifti": True},
}
PAIRS = "results/experiments/pairs/seed_1"
MASKED_TARGETS = [
    *(f"{PAIRS}/samples/stack_0{end}" for end in (".png", "_images", ".nii.gz")),
    *(f"{PAIRS}/samples/stack_0{end}" for end in ("_masks.png", "_mask.nii.gz")),
    *(f"{PAIRS}/{name}" for name in ("evaluation.json", "catalogue.json")),
]
SIX_SUBJECTS = [f"BraTS20_Training_{number:03d}" for number in range(1, 7)]


def write_subject(folder, subject, seed):
    """Write an ellipsoid with a bright spot and its segmentation, in BraTS 2020's layout."""
    random = np.random.default_rng(seed)
    left, posterior, superior = (
        np.indices((24, 24, 16)) - np.array([12, 12, 8])[:, None, None, None]
    )
    brain = (left / 9) ** 2 + (posterior / 10) ** 2 + (superior / 7.5) ** 2 < 1
    tumour = (left - 4) ** 2 + posterior**2 + superior**2 < 9
    voxels = brain * (300 + random.normal(0, 20, brain.shape) + 200 * tumour)
    affine = np.array([[-1, 0, 0, 0], [0, -1, 0, 23], [0, 0, 1, 0], [0, 0, 0, 1]])
    (folder / subject).mkdir(parents=True)
    for name, array in {"flair": voxels.astype(np.int16), "seg": tumour.astype(np.uint8)}.items():
        image = nibabel.Nifti1Image(array, affine)
        nibabel.save(image, folder / subject / f"{subject}_{name}.nii.gz")


class Workflow:
    """A folder with a study and its results, and Snakemake on it."""

    def __init__(self, folder, study=STUDY):
        self.folder = folder
        self.write(study)

    def write(self, study):
        self.study = study
        (self.folder / "config.yaml").write_text(yaml.safe_dump(study))

    def command(self, *arguments, profile="local"):
        return [
            *(str(SNAKEMAKE), "--snakefile", str(REPOSITORY / "Snakefile")),
            *("--directory", str(self.folder)),
            *("--profile", str(REPOSITORY / "profiles" / profile)),
            *map(str, arguments),
        ]

    def run(self, *arguments, **options):
        return subprocess.run(
            self.command(*arguments, **options),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
            # From a place of its own: nothing may depend on where Snakemake was started.
            cwd=self.folder,
            env={**os.environ, "PATH": "/usr/bin:/bin"},
        )

    def results(self, *parts):
        return self.folder.joinpath("results", *parts)

    def subjects_files(self):
        """The times of the files of each subject, by `folder/name` below the results."""
        return {
            f"{folder}/{path.name}": path.stat().st_mtime_ns
            for folder in ("volumes", "slices", "images", "masks")
            for path in self.results(folder).glob("[!.]*")
        }

    def made_again(self, before):
        """The files of subjects that have been made since `subjects_files` was asked."""
        now = self.subjects_files()
        return {name for name, time in now.items() if before.get(name) != time}


def files_of(subject, *stages):
    """The files of these stages of a subject, by `folder/name`; without stages those of all."""
    files = {
        "acquire": [f"volumes/{subject}{end}" for end in ("_flair.nii.gz", "_seg.nii.gz", ".json")],
        "slice": [f"slices/{subject}.tif"],
        "resize": [f"images/{subject}.tif"],
        "mask": [f"masks/{subject}.tif"],
    }
    return {name for stage in stages or files for name in files[stage]}


def jobs_of(output):
    """Which rule runs how often, by the table of jobs that Snakemake prints; empty for none."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total ", output, re.DOTALL | re.MULTILINE)
    if table is None:
        return {}
    rows = (line.split() for line in table[1].splitlines())
    return {rule: int(count) for rule, count in rows if rule != "all"}


def run_once(factory, name, prepare, *arguments):
    """Prepare a study and run it, in one of pytest's processes for all of them.

    What Snakemake said is the attribute `output`. Copy the study to change it.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    said = root / f"{name}.txt"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            workflow = prepare(root / name)
            done = workflow.run(*arguments)
            assert done.returncode == 0, done.stdout + done.stderr
            said.write_text(done.stdout + done.stderr)
    workflow = Workflow(root / name, yaml.safe_load((root / name / "config.yaml").read_text()))
    workflow.output = said.read_text()
    return workflow


def new_study(folder, study=STUDY, subjects=SUBJECTS):
    """A folder with the volumes of some subjects and with a study of them."""
    for seed, subject in enumerate(subjects):
        write_subject(folder / "data", subject, seed)
    return Workflow(folder, study)


def copy_of(workflow, folder):
    """A copy of a study and its results, with its times and Snakemake's memory of it."""
    shutil.copytree(workflow.folder, folder, symlinks=True)
    return Workflow(folder, workflow.study)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A study of three subjects that has run to its end, on two ranks with one core each."""
    ranks = ("--set-resources", "train:tasks=2", "train:cpus_per_task=1")
    return run_once(tmp_path_factory, "finished", new_study, *ranks)


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory):
    """The study `EVIDENCE`, run without a target."""

    def prepare(folder):
        return new_study(folder, EVIDENCE, SIX_SUBJECTS)

    return run_once(tmp_path_factory, "evaluated", prepare)


@pytest.fixture(scope="session")
def masked(evaluated, tmp_path_factory):
    """The study `MASKED` on two ranks, from the evaluated one to its numbers and catalogue."""

    def prepare(folder):
        workflow = copy_of(evaluated, folder)
        workflow.write(MASKED)
        return workflow

    ranks = ("--set-resources", "train:tasks=2", "train:cpus_per_task=1")
    return run_once(tmp_path_factory, "masked", prepare, *MASKED_TARGETS, *ranks)


@pytest.fixture
def workflow(finished, tmp_path):
    """A copy of the finished study."""
    return copy_of(finished, tmp_path / "study")
