"""`python -m benchmarks.preprocessing`: measure, print a table, and write JSON."""

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

from benchmarks.preprocessing import Row, measure

#: Names the interpreter of the environment with MONAI and TorchIO.
VARIABLE = "SYNAXIAL_BENCHMARK_PYTHON"


def main() -> None:
    """Read the command line, measure, and tell."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.preprocessing",
        description=(measure.__doc__ or "").split("\n")[0],
    )
    parser.add_argument(
        "--other-python",
        type=Path,
        default=os.environ.get(VARIABLE),
        help=f"interpreter of an environment with MONAI and TorchIO (default: ${VARIABLE})",
    )
    parser.add_argument("--real", type=Path, help="folder of real volumes, laid out as BraTS 2020")
    parser.add_argument("--volumes", type=int, default=6, help="phantoms to make (6)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each pipeline (5)")
    parser.add_argument("--processes", type=int, default=2, help="processes of each pipeline (2)")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    given = parser.parse_args()
    rows = measure(given.other_python, given.real, given.volumes, given.repeats, given.processes)
    for row in rows:
        print(as_line(row))
    if given.output is not None:
        given.output.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def as_line(row: Row) -> str:
    """Return a row as it is printed."""
    other = "not run" if row.other is None else f"{row.other:.2f}"
    ratio = "" if row.ratio is None else f" = {row.ratio:.2f} x"
    return f"{row.name}: {row.ours:.2f} to {other} {row.unit}{ratio}"


if __name__ == "__main__":
    main()
