"""Requests: from what a user asks for to the labels of images.

A label has more numbers than a request, and not every mixture of numbers occurs: there are no large
tumours near the vertex. So an image gets the label of a training image that fulfils the request,
one with a level near the requested one. Only the level is then set to what was asked.
"""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from synaxial.config.model import Request, Sample
from synaxial.data.dataset.labels import LABEL, LEVEL, ONE_SIDE, SIDE, SIZE, TUMOUR
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.randomness import REQUEST, ImageRandomness
from synaxial.io.errors import SynaxialError

Array = NDArray[np.float32]

log = logging.getLogger(__name__)

#: A request for a level draws among that many labels of the training, the nearest ones, and among
#: all that are equally near.
NEAREST = 50

#: A request that fewer labels of the training fulfil, at most NEAR mm from its level, is rare; one
#: that none fulfils is refused.
RARE, NEAR = 10, 3.0

#: What the options that ask for something expect.
OPTIONS = {
    "level": "a level in mm, such as 85",
    "tumour": "none, any, left or right",
    "size": "the smallest and the largest size of a tumour in mm, such as 20..40",
}


def asked_for(
    settings: Sample,
    images: int | None,
    level: float | None,
    tumour: str | None,
    size: str | None,
) -> Sample:
    """Return the settings with what the command line asks for in place of their own.

    Raises
    ------
    SynaxialError
        An option has no such value.
    """
    given = {"level": level, "tumour": tumour, "size": None if size is None else size.split("..")}
    if images is None and not any(value is not None for value in given.values()):
        return settings
    count = settings.images if images is None else images
    requests = []
    if any(value is not None for value in given.values()):
        try:
            requests = [Request.model_validate({"images": count, **given})]
        except ValidationError as error:
            first = error.errors()[0]
            name = str((*first["loc"], "size")[0])
            found = {"level": level, "tumour": tumour, "size": size}[name]
            if not first["loc"] and tumour == "none":
                raise SynaxialError(
                    "--size", "is given with --tumour none", "one of the two"
                ) from error
            raise SynaxialError(f"--{name}", f"is {found}", OPTIONS[name]) from error
    return settings.model_copy(update={"images": count, "requests": requests})


def check_requests(settings: Sample, conditions: Conditions, path: Path) -> None:
    """Raise a SynaxialError if the generator of a file has no such condition as is asked for."""
    needed = settings.conditions
    if missing := needed - set(conditions.names):
        raise SynaxialError(
            path,
            f"cannot be asked for: {', '.join(sorted(missing))}",
            f"a generator whose training had conditions: [{', '.join(sorted(needed))}]",
        )


def labels_of_stack(
    conditions: Conditions, settings: Sample, stack: int, path: Path
) -> Array | None:
    """Return what is asked of each image of a stack, float32 (N, LABEL); None without conditions.

    The images of all requests alternate, so that the first images of a stack are a fair part of
    it. Without requests the labels are as in the training. Raises what `fulfil` raises; `path` is
    the generator's file.
    """
    if conditions.known is None:
        return None
    names = [(REQUEST, settings.seed, stack, i) for i in range(settings.images_of_stack)]
    numbers = ImageRandomness(np, names).uniform((len(names), 1))[:, 0]
    if not settings.requests:
        return conditions.among(conditions.known, numbers)
    labels = np.empty((len(names), LABEL), np.float32)
    whose = order_of([request.images for request in settings.requests])
    for number, request in enumerate(settings.requests):
        mine = whose == number
        labels[mine] = fulfil(request, conditions, numbers[mine], path)
    return labels


def order_of(counts: list[int]) -> NDArray[np.int64]:
    """Return for each image of a stack the number of its request, so that they alternate."""
    places = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    requests = np.repeat(np.arange(len(counts)), counts)
    return requests[np.argsort(places, kind="stable")]


def fulfil(request: Request, conditions: Conditions, numbers: Array, path: Path) -> Array:
    """Return labels for a request, float32 (N, LABEL): one for each of the numbers in [0, 1).

    Raises
    ------
    SynaxialError
        The training of the generator, in the file `path`, had no such image.
    """
    assert conditions.known is not None
    known = conditions.known
    found = known[fitting(request, known)]
    near = found
    if request.level is not None and len(found):
        apart = np.abs(found[:, LEVEL] - request.level)
        seen = known[:, LEVEL].min() <= request.level <= known[:, LEVEL].max()
        near = found[seen & (apart <= NEAR)]
        found = found[apart <= np.sort(apart)[:NEAREST][-1]]
        found[:, LEVEL] = request.level
    if not len(near):
        raise SynaxialError(
            asked_of(request),
            f"the training of {path} had no such slice",
            expected_of(request, known),
        )
    if len(near) < RARE:
        log.warning(
            "%s: only %d slices of the training are like that, mirror images included; expect "
            "copies of them, or images that are not as asked",
            *(asked_of(request), len(near)),
        )
    return conditions.among(found, numbers)


def expected_of(request: Request, known: Array) -> str:
    """Return in words what could be asked in place of a request that nothing fulfils."""
    tumours = known[fitting(request.model_copy(update={"size": None}), known)]
    if not len(tumours):
        return "a request that some training slice fulfils: none has such a tumour"
    if request.size is not None and not fitting(request, known).any():
        sizes = tumours[:, SIZE]
        nearest = sizes[np.abs(sizes - np.clip(sizes, request.size[0], request.size[1])).argmin()]
        return f"a range of sizes with {nearest:g} mm, the nearest of {span(sizes)} mm"
    return f"a level near {span(known[fitting(request, known), LEVEL])} mm"


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
    return "request for " + (", ".join(f"{key} {value}" for key, value in given.items()) or "any")


def span(values: Array) -> str:
    """Return the range of values."""
    return f"{values.min():g} to {values.max():g}"
