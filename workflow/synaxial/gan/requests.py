"""Requests: from what a user asks for to the labels of images.

A label has more numbers than a request, and not every mixture of numbers occurs: there are no large
tumours near the vertex. So an image gets the label of a training image that fulfils the request,
one with a level near the requested one. Only the level is then set to what was asked.
"""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synaxial.config.model import Request
from synaxial.data.dataset.labels import LEVEL, ONE_SIDE, SIDE, SIZE, TUMOUR
from synaxial.gan.networks.conditions import Conditions
from synaxial.io.errors import SynaxialError

Array = NDArray[np.float32]

log = logging.getLogger(__name__)

#: The most labels of the training among which a request for a level draws: the nearest ones.
NEAREST = 50

#: A request that fewer labels of the training fulfil, at most NEAR mm from its level, is rare.
RARE, NEAR = 10, 3.0


def fulfil(request: Request, conditions: Conditions, numbers: Array, path: Path) -> Array:
    """Return labels for a request, float32 (N, LABEL): one for each of the numbers in [0, 1).

    Raises
    ------
    SynaxialError
        The generator of the file `path` has no such condition, or its training had no such image.
    """
    check_names(request, conditions, path)
    assert conditions.known is not None
    known = conditions.known
    found = known[fitting(request, known)]
    if not len(found):
        raise SynaxialError(
            "sample.requests",
            f"{asked_of(request)}: the training of {path} has no such slice",
            f"a tumour {seen(known[known[:, TUMOUR] > 0, SIZE])} mm in size, on either side",
        )
    if request.level is not None:
        lowest, highest = known[:, LEVEL].min(), known[:, LEVEL].max()
        if not lowest <= request.level <= highest:
            raise SynaxialError(
                "sample.requests",
                f"{asked_of(request)}: the training of {path} has no slice at this level",
                f"a level of {seen(known[:, LEVEL])} mm",
            )
        apart = np.abs(found[:, LEVEL] - request.level)
        found, alike = found[np.argsort(apart, kind="stable")[:NEAREST]], int((apart <= NEAR).sum())
        found[:, LEVEL] = request.level
    else:
        alike = len(found)
    if alike < RARE:
        log.warning(
            "%s: only %d slices of the training are like that, mirror images included; expect "
            "copies of them, or images that are not as asked",
            *(asked_of(request), alike),
        )
    return conditions.among(found, numbers)


def check_names(request: Request, conditions: Conditions, path: Path) -> None:
    """Raise a SynaxialError if a generator does not have the conditions of a request."""
    wanted = {
        "level": request.level is not None,
        "tumour": request.tumour is not None or request.size is not None,
    }
    for name, asked in wanted.items():
        if asked and name not in conditions.names:
            raise SynaxialError(
                path,
                f"has no condition {name}",
                f"training.conditions with {name}, because sample.requests asks for it",
            )


def fitting(request: Request, labels: Array) -> NDArray[np.bool_]:
    """Tell which labels fulfil a request, whatever their level."""
    fits = np.ones(len(labels), bool)
    if request.tumour is not None or request.size is not None:
        fits &= (labels[:, TUMOUR] > 0) == (request.tumour != "none")
    if request.tumour in {"left", "right"}:
        fits &= labels[:, SIDE] * (1 if request.tumour == "left" else -1) > ONE_SIDE
    if request.size is not None:
        fits &= (labels[:, SIZE] >= request.size[0]) & (labels[:, SIZE] <= request.size[1])
    return fits


def asked_of(request: Request) -> str:
    """Return a request in words, for messages."""
    given = request.model_dump(exclude_none=True, exclude={"images"})
    return ", ".join(f"{key} {value}" for key, value in given.items()) or "anything"


def seen(values: Array) -> str:
    """Return the range of values."""
    return f"{values.min():g} to {values.max():g}" if len(values) else "of no"
