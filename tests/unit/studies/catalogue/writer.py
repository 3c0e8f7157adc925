"""One of two writers: `python writer.py URL BARRIER FOLDER…` loads each folder's training.

It starts when as many files as there are writers are in the folder BARRIER.
"""

import sys
import time
from pathlib import Path

from synaxial.studies.catalogue.load_command import run

WRITERS = 2


def main(url, barrier, folders):
    (barrier / folders[-1].name).touch()
    until = time.monotonic() + 90
    while len(list(barrier.iterdir())) < WRITERS and time.monotonic() < until:
        time.sleep(0.001)
    for folder in folders:
        run(
            run_record=folder / "run.json",
            measurements=folder / "measurements.npz",
            reference=folder / "reference.npz",
            training=folder / "dataset",
            stacks=[folder / "stack_0.tif", folder / "stack_1.tif"],
            url=url,
        )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [Path(name) for name in sys.argv[3:]])
