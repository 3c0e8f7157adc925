"""The measurement: all pipelines in turn, on the same files and as many processes."""

import multiprocessing
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.pool import Pool
from pathlib import Path

from benchmarks.preprocessing import ours
from benchmarks.preprocessing.agreement import Agreement, compare, load
from benchmarks.preprocessing.floor import INFLATERS, inflate
from benchmarks.preprocessing.other import ONE_THREAD, OtherEnvironment
from benchmarks.preprocessing.rows import Row, compared
from benchmarks.preprocessing.work import (
    Task,
    default_task,
    find_volumes,
    make_volumes,
)
from benchmarks.preprocessing.workflow import measure_workflow

from synaxial.io.stacks import read_stack

UNIT = "volumes/s"
STAGES = "acquire + slice + resize + pack"


def measure(
    other_python: Path | None = None,
    real: Path | None = None,
    volumes: int = 6,
    repeats: int = 5,
    processes: int = 2,
) -> list[Row]:
    """Measure how many volumes a second become images.

    Parameters
    ----------
    other_python
        The interpreter of an environment with MONAI and TorchIO; without it their rows say that
        they were not run.
    real
        A folder with real volumes in the layout of BraTS 2020, measured beside the phantoms; it
        is only read.
    volumes
        How many phantoms to make.
    repeats
        How often each pipeline is run, all in turn; the median counts.
    processes
        How many processes of one thread each pipeline has.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="preprocessing-")))
        pool = stack.enter_context(_pool(processes))
        other = (
            None
            if other_python is None
            else stack.enter_context(OtherEnvironment(other_python, processes))
        )
        make_volumes(folder / "phantoms", volumes, pool)
        data_sets = {"phantoms": folder / "phantoms"} | ({"real": real} if real else {})
        rows: list[Row] = []
        for name, data in data_sets.items():
            place = folder / f"work-{name}"
            place.mkdir()
            rows += _measure_data_set(name, data, place, pool, other, repeats, processes)
        return [*rows, measure_workflow(pool)]


@contextmanager
def _pool(processes: int) -> Iterator[Pool]:
    """Start workers of one thread each."""
    before = dict(os.environ)
    os.environ.update(ONE_THREAD)
    try:
        pool = multiprocessing.get_context("spawn").Pool(processes)
    finally:
        os.environ.clear()
        os.environ.update(before)
    with pool:
        yield pool


def _measure_data_set(
    name: str,
    data: Path,
    place: Path,
    pool: Pool,
    other: OtherEnvironment | None,
    repeats: int,
    processes: int,
) -> list[Row]:
    """Measure all pipelines on the volumes in one folder."""
    task, files = default_task(), find_volumes(data)
    subjects = [file.parent.name for file in files]
    study = ours.write_study(place / "study.yaml", data)
    ours.run_functions(study, subjects, place / "first", pool)
    agreements = {} if other is None else _agreements(other, task, files, place)
    seconds: dict[str, list[float]] = defaultdict(list)
    for repeat in range(repeats):
        results = place / f"repeat-{repeat}"
        seconds["ours"].append(ours.run_functions(study, subjects, results / "functions", pool))
        if other is not None:
            for pipeline in other.pipelines:
                seconds[pipeline].append(other.run(pipeline, files, task, place / "other.npy"))
        for inflater in INFLATERS:
            seconds[inflater].append(inflate(inflater, files, pool))
    rates = {key: len(files) / statistics.median(values) for key, values in seconds.items()}
    how = (
        f"{len(files)} volumes ({name}, .nii.gz), median of {repeats} repeats in turn, "
        f"{processes} processes of one thread each"
    )
    return _rows(name, rates, agreements, other, how)


def _agreements(
    other: OtherEnvironment, task: Task, files: list[Path], place: Path
) -> dict[str, Agreement]:
    """Compare each pipeline's slices of one volume and images of all with ours, already made."""
    slices = read_stack(place / "first" / "slices" / f"{files[-1].parent.name}.tif").pages
    images = load(place / "first" / "dataset" / "images.npy")
    found = {}
    for pipeline in other.pipelines:
        other.native(pipeline, files[-1], task, place / "native.npy")
        other.run(pipeline, files, task, place / "other.npy")
        found[pipeline] = compare(
            pipeline,
            (slices, load(place / "native.npy")),
            (images, load(place / "other.npy")),
        )
    return found


def _rows(
    name: str,
    rates: dict[str, float],
    agreements: dict[str, Agreement],
    other: OtherEnvironment | None,
    how: str,
) -> list[Row]:
    """Put the rates into rows."""
    begin = f"{STAGES}, {name}, against"
    in_process = f"{how}; ours as functions, all intermediate files written"
    rows = []
    for pipeline, agreement in agreements.items():
        versions = ", ".join(
            f"{key} {value}" for key, value in (other.versions if other else {}).items()
        )
        rows.append(
            compared(
                f"{begin} {pipeline}",
                rates["ours"],
                rates[pipeline],
                UNIT,
                f"{in_process}; {agreement}; {versions}",
            )
        )
    if other is None:
        note = f"{in_process}; not run: no interpreter with MONAI and TorchIO was given"
        rows.append(compared(f"{begin} MONAI and TorchIO", rates["ours"], None, UNIT, note))
    rows += [
        compared(
            f"{begin} inflating the files by {inflater}",
            rates["ours"],
            rates[inflater],
            UNIT,
            in_process,
        )
        for inflater in INFLATERS
    ]
    return rows
