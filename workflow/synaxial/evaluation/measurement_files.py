"""Measurements of a set of images as one file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.io.arrays import read_arrays
from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole

#: What each metric has measured: arrays by name, by the metric's name.
Measurements = dict[str, dict[str, NDArray[Any]]]

#: Between a metric's name and that of its array.
SEPARATOR = "/"


def write_measurements(path: Path, measurements: Measurements) -> None:
    """Write measurements as plain arrays, packed: nothing in the file needs pickle."""
    arrays: dict[str, Any] = {
        f"{metric}{SEPARATOR}{name}": array
        for metric, named in measurements.items()
        for name, array in named.items()
    }
    with written_whole(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_measurements(path: Path) -> Measurements:
    """Read measurements.

    Raises
    ------
    SynaxialError
        The file is absent, damaged, or holds something else.
    """
    measurements: Measurements = {}
    for key, array in read_arrays(path).items():
        metric, separator, name = key.partition(SEPARATOR)
        if not separator:
            raise SynaxialError(
                path, f"holds an array {key!r}", "a file of `synaxial evaluate measure`"
            )
        measurements.setdefault(metric, {})[name] = array
    return measurements
