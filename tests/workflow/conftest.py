"""Snakemake on a small study: made volumes of three subjects, networks of 16 x 16 pixels."""

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
            timeout=400,
            check=False,
            # From a place of its own: nothing may depend on where Snakemake was started.
            cwd=self.folder,
            env={**os.environ, "PATH": "/usr/bin:/bin"},
        )

    def results(self, *parts):
        return self.folder.joinpath("results", *parts)


def jobs_of(output):
    """Which rule runs how often, by the table of jobs that Snakemake prints; empty for none."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total ", output, re.DOTALL | re.MULTILINE)
    if table is None:
        return {}
    rows = (line.split() for line in table[1].splitlines())
    return {rule: int(count) for rule, count in rows if rule != "all"}


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A study that has run to its end; copy it, never change it."""
    workflow = Workflow(tmp_path_factory.mktemp("finished"))
    for seed, subject in enumerate(SUBJECTS):
        write_subject(workflow.folder / "data", subject, seed)
    # On two ranks, one core each.
    done = workflow.run("--set-resources", "train:tasks=2", "train:cpus_per_task=1")
    assert done.returncode == 0, done.stdout + done.stderr
    workflow.output = done.stdout + done.stderr
    return workflow


@pytest.fixture
def workflow(finished, tmp_path):
    """A copy of the finished study, with its times and Snakemake's memory of it."""
    shutil.copytree(finished.folder, tmp_path / "study", symlinks=True)
    return Workflow(tmp_path / "study")
