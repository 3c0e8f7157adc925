"""Synaxial's own stages, as functions on a pool of processes."""

import time
from multiprocessing.pool import Pool
from pathlib import Path

import yaml
from benchmarks.preprocessing.work import PATTERN

from synaxial.config.loading import read_study
from synaxial.data.dataset.pack import run as pack
from synaxial.data.prepared.prepare import prepare_subject
from synaxial.data.sources import open_source


def write_study(path: Path, volumes: Path) -> Path:
    """Write the default study for the volumes in a folder."""
    source = {"path": str(volumes), "pattern": PATTERN}
    path.write_text(
        yaml.safe_dump({"acquire": {"source": "directory", "subjects": "all", "directory": source}})
    )
    return path


def run_functions(study: Path, subjects: list[str], results: Path, pool: Pool) -> float:
    """Acquire, slice and resize each subject on the pool, then pack; return the seconds.

    Every stage's files are written as in a run of the workflow, so this includes packing each
    volume and its slices, checksums and records.
    """
    begin = time.perf_counter()
    pool.starmap(prepare, [(study, subject, results) for subject in subjects], chunksize=1)
    images = [results / "images" / f"{subject}.tif" for subject in subjects]
    pack(images, records=results / "volumes", output=results / "dataset", config=study)
    return time.perf_counter() - begin


def prepare(study: Path, subject: str, results: Path) -> None:
    """Acquire, slice, resize and mask one subject, as `synaxial data prepare` does."""
    settings = read_study(study)
    source = open_source(settings.acquire, results)
    mistake = prepare_subject(source, settings, results, (subject, ""))
    if isinstance(mistake, str):
        raise RuntimeError(mistake)
