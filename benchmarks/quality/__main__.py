"""`python -m benchmarks.quality`: train a contender, with images at fixed minutes."""

import argparse
import logging
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.partner import REPOSITORY
from benchmarks.quality.ours import Run, train

from synaxial.gan.train.communication import end_together
from synaxial.io.errors import STOPPED_EARLY_STATUS, StoppedEarlyError

#: Our contenders, and the experiments of the study that they are.
EXPERIMENTS = {"modern": "modern", "paper": "final"}

#: The study whose results they train on.
STUDY = REPOSITORY / "docs" / "results" / "patients" / "study.yaml"

#: The minutes at which images are stored.
MARKS = (5, 10, 20, 30, 40, 50, 60, 75, 90, 105, 120)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description="Train a contender and store images at fixed minutes; the same command goes "
        "on after a stop",
    )
    parser.add_argument("contender", choices=(*EXPERIMENTS, "peer"))
    parser.add_argument("--results", type=Path, required=True, help="results of the study (folder)")
    parser.add_argument("--output", type=Path, required=True, help="folder of all contenders")
    parser.add_argument("--study", type=Path, default=STUDY, help="the study (that of patients)")
    parser.add_argument("--at", type=float, nargs="+", default=MARKS, help="minutes of the images")
    parser.add_argument("--other-python", type=Path, help="for the peer: its interpreter")
    parser.add_argument(
        "--ranks", type=int, default=1, help="ours: MPI ranks; start it with `mpiexec -n RANKS`"
    )
    parser.add_argument("--seed", type=int, help="ours: by default the experiment's first one")
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    dataset, folder = given.results / "dataset", given.output / given.contender
    if given.contender == "peer":
        if given.other_python is None:
            parser.error("give --other-python, of an environment with PyTorch and lightweight-gan")
        command = [given.other_python, REPOSITORY / "benchmarks" / "peer.py"]
        command += [dataset / "images.npy", "--threads", cores, "--folder", folder]
        sys.exit(subprocess.run([*map(str, [*command, "--at", *given.at])], check=False).returncode)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    run = Run(
        *(given.study, EXPERIMENTS[given.contender], dataset, folder, sorted(given.at)),
        *(cores, given.ranks, given.seed),
    )
    try:
        with end_together("benchmarks.quality"):
            train(run)
    except StoppedEarlyError as early:
        print(early, file=sys.stderr)
        sys.exit(STOPPED_EARLY_STATUS)


if __name__ == "__main__":
    main()
