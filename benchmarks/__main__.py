"""`python -m benchmarks`: measure everything and write RESULTS.md."""

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import preprocessing, sampling, scale
from benchmarks.partner import REPOSITORY
from benchmarks.preprocessing.__main__ import as_line
from benchmarks.preprocessing.rows import Row
from benchmarks.quality import measurement as quality
from benchmarks.quality.__main__ import STUDY
from benchmarks.results import PAGE, busy_cores, keep, write_page
from benchmarks.training import measurement as training

Notes = list[str]

OTHER_PYTHON = REPOSITORY / ".venv-benchmark" / "bin" / "python"


def main() -> None:
    """Read the command line, measure, and write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure speed and scale, and write benchmarks/RESULTS.md",
    )
    parser.add_argument(
        "--other-python",
        type=Path,
        default=OTHER_PYTHON,
        help="interpreter of an environment with PyTorch, MONAI and TorchIO (.venv-benchmark's)",
    )
    parser.add_argument("--real", type=Path, help="folder of real volumes, laid out as BraTS 2020")
    parser.add_argument("--repeats", type=int, default=7, help="of training and sampling (7)")
    parser.add_argument(
        "--runs", type=Path, help="for quality and sampling: what benchmarks.quality wrote"
    )
    parser.add_argument("--results", type=Path, help="for quality: results of its study (folder)")
    parts = ("quality", "training", "sampling", "preprocessing", "scale")
    parser.add_argument("--only", choices=parts, action="append", help="this part only")
    given = parser.parse_args()
    if not given.other_python.exists():
        sys.exit(f"{given.other_python}: not found; expected an interpreter; run make benchmark")
    # Its trainings take hours, and were started before.
    chosen = given.only or [part for part in parts if part != "quality" or given.runs]
    if "quality" in chosen and not (given.runs and given.results):
        parser.error("quality needs --runs and --results")
    works: dict[str, Callable[[], tuple[list[Row], Notes]]] = {
        "quality": lambda: quality.measure(given.runs, given.results, STUDY),
        "training": partial(training.measure, given.other_python, given.repeats),
        "sampling": lambda: sampling.measure(
            given.other_python, given.repeats, given.runs and given.runs / "modern/generator.npz"
        ),
        "preprocessing": lambda: (measure_preprocessing(given.other_python, given.real), []),
        "scale": lambda: (scale.measure(), []),
    }
    for part in chosen:
        load = busy_cores()
        print(f"{part}: {load:.1f} cores busy with other things", flush=True)
        rows, notes = works[part]()
        for row in rows:
            print(as_line(row), flush=True)
        # The minutes of quality are of processor time, and of earlier days.
        keep(part, rows, notes, given.other_python, None if part == "quality" else load)
        write_page(list(parts))
    print(PAGE)


def measure_preprocessing(other_python: Path, real: Path | None) -> list[Row]:
    """Measure preprocessing with a process a core."""
    return preprocessing.measure(other_python, real, processes=len(os.sched_getaffinity(0)))


if __name__ == "__main__":
    main()
