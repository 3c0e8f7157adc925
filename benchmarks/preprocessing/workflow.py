"""`python -m benchmarks.preprocessing.workflow`: a data set as users prepare it, by Snakemake."""

import argparse
import gzip
import resource
import subprocess
import sys
import tempfile
import time
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import yaml
from benchmarks.partner import REPOSITORY
from benchmarks.preprocessing.rows import Row
from benchmarks.preprocessing.work import SEED

from synaxial.data.phantom import make_phantom

#: The subjects of BraTS 2020's training data, and how many seconds they may take on two cores.
SUBJECTS, MOST_SECONDS = 369, 90

#: A volume is made from one of so many pseudo-subjects, by a field of its own.
HEADS = 6

#: Voxels a side of a block of that field, and the smallest and the largest factor in it.
BLOCK, FACTORS = 16, (0.3, 1.7)

TARGET = "results/dataset/images.npy"


def measure_workflow(pool: Pool, subjects: int = SUBJECTS) -> Row:
    """Measure acquire + slice + resize + mask + pack by `snakemake --profile profiles/local`.

    Nothing is there before but the source's files, which are warm in memory, as after a copy.
    """
    with tempfile.TemporaryDirectory(prefix="workflow-") as temporary:
        folder = Path(temporary)
        heads = pool.map(make_head, range(1, HEADS + 1))
        tasks = [(folder / "data", number, heads[number % HEADS]) for number in range(subjects)]
        pool.starmap(write_subject, tasks, chunksize=1)
        source = {"source": "directory", "subjects": "all", "directory": {"path": "data"}}
        (folder / "config.yaml").write_text(yaml.safe_dump({"acquire": source}))
        wall, processor = run_snakemake(folder)
        images = np.load(folder / TARGET, mmap_mode="r")
        how = (
            f"snakemake --profile profiles/local {TARGET}, cold: acquire, slice, resize and mask "
            f"in batches, manifest, pack; {images.shape[0]} images; {processor:.0f} s of processor "
            f"time in all processes; volumes of 240 x 240 x 155, .nii.gz with segmentations, from "
            f"{HEADS} pseudo-subjects by a random field each"
        )
        most = MOST_SECONDS * subjects / SUBJECTS
        name = f"{subjects} volumes to the packed data set by snakemake, against {most:.3g} s"
        return Row(name, wall, most, wall / most, "s (less is better)", how)


def make_head(number: int) -> tuple[Any, Any, Any]:
    """Return a pseudo-subject: voxels, labels, affine."""
    phantom = make_phantom(SEED, number)
    return phantom.image, phantom.segmentation, phantom.affine


def write_subject(data: Path, number: int, head: tuple[Any, Any, Any]) -> None:
    """Write a subject in the layout of BraTS 2020: a head times a field of random blocks.

    Synaxial compares all heads with each other, so that no two may be alike.
    """
    voxels, labels, affine = head
    blocks = tuple(-(-length // BLOCK) for length in voxels.shape)
    field = np.random.default_rng(number).uniform(*FACTORS, blocks)
    field = np.kron(field, np.ones((BLOCK,) * 3))[tuple(map(slice, voxels.shape))]
    changed = np.maximum(np.rint(voxels * field), voxels > 0).astype(np.int16)
    subject = f"BraTS20_Training_{number + 1:03d}"
    (data / subject).mkdir(parents=True)
    for kind, array in {"flair": changed, "seg": labels.astype(np.uint8)}.items():
        image = nibabel.Nifti1Image(array, affine)
        path = data / subject / f"{subject}_{kind}.nii.gz"
        path.write_bytes(gzip.compress(image.to_bytes(), 1, mtime=0))


def run_snakemake(folder: Path) -> tuple[float, float]:
    """Run the workflow in a folder; return the seconds that it took, and those of processors."""
    command = [
        *(Path(sys.executable).with_name("snakemake"), "--snakefile", REPOSITORY / "Snakefile"),
        *("--profile", REPOSITORY / "profiles" / "local", "--directory", folder, TARGET),
    ]
    began, before = time.perf_counter(), _processor_seconds()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"snakemake failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - began, _processor_seconds() - before


def _processor_seconds() -> float:
    """Return what all finished processes that this one has started have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preprocessing.workflow")
    parser.add_argument("--volumes", type=int, default=SUBJECTS, help=f"subjects ({SUBJECTS})")
    given = parser.parse_args()
    with Pool() as pool:
        row = measure_workflow(pool, given.volumes)
    print(f"{row.name}: {row.ours:.1f} {row.unit}, {row.ratio:.2f} x; {row.how}")


if __name__ == "__main__":
    main()
