"""Synaxial's own stages: as functions on a pool of processes, and as commands."""

import subprocess
import sys
import time
from multiprocessing.pool import Pool, ThreadPool
from pathlib import Path

import yaml
from benchmarks.preprocessing.work import PATTERN

from synaxial.config.loading import read_study
from synaxial.data.dataset.pack import run as pack
from synaxial.data.slices.resize import run as resize
from synaxial.data.slices.slice import run as cut
from synaxial.data.sources import open_source
from synaxial.data.volumes.acquire import acquire_subject


def write_study(path: Path, volumes: Path) -> Path:
    """Write the default study for the volumes in a folder."""
    source = {"path": str(volumes), "pattern": PATTERN}
    path.write_text(
        yaml.safe_dump({"acquire": {"source": "directory", "subjects": "all", "directory": source}})
    )
    return path


def run_functions(study: Path, subjects: list[str], results: Path, pool: Pool) -> float:
    """Acquire, slice and resize each subject on the pool, then pack; return the seconds.

    Every stage's files are written as in a run of the workflow, so this includes packing and
    unpacking each volume and each stack once more, checksums and records.
    """
    begin = time.perf_counter()
    pool.starmap(prepare, [(study, subject, results) for subject in subjects], chunksize=1)
    images = [_files(results, subject)[3] for subject in subjects]
    pack(images, records=results / "volumes", output=results / "dataset", config=study)
    return time.perf_counter() - begin


def prepare(study: Path, subject: str, results: Path) -> None:
    """Acquire, slice and resize one subject."""
    settings = read_study(study).acquire
    acquire_subject(open_source(settings, results), settings, subject, results / "volumes")
    volume, record, slices, images = _files(results, subject)
    cut(volume, record, slices, study)
    resize(slices, images, study)


def run_commands(study: Path, subjects: list[str], results: Path, processes: int) -> float:
    """Do the same with a command a stage and subject, as the workflow does; return the seconds."""
    begin = time.perf_counter()
    with ThreadPool(processes) as pool:
        pool.starmap(
            _prepare_by_commands, [(study, subject, results) for subject in subjects], chunksize=1
        )
    images = [_files(results, subject)[3] for subject in subjects]
    _command(study, "pack", *images, records=results / "volumes", output=results / "dataset")
    return time.perf_counter() - begin


def _prepare_by_commands(study: Path, subject: str, results: Path) -> None:
    volume, record, slices, images = _files(results, subject)
    _command(study, "acquire", fetched=results, output=results / "volumes", subject=subject)
    _command(study, "slice", volume=volume, record=record, output=slices)
    _command(study, "resize", slices=slices, output=images)


def _command(study: Path, stage: str, *files: Path, **options: str | Path) -> None:
    """Run one stage's command as its rule does."""
    words = [sys.executable, "-m", "synaxial", "data", stage, "--config", str(study)]
    for name, value in options.items():
        words += [f"--{name}", str(value)]
    words += map(str, files)
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)


def _files(results: Path, subject: str) -> tuple[Path, Path, Path, Path]:
    """Return a subject's volume, record, slices and images."""
    return (
        results / "volumes" / f"{subject}_flair.nii.gz",
        results / "volumes" / f"{subject}.json",
        results / "slices" / f"{subject}.tif",
        results / "images" / f"{subject}.tif",
    )
