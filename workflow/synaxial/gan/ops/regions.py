"""Regions of pixels in stacks of images, bool (N, H, W), on the CPU and on a GPU.

SciPy has all of this, but takes 0.3 s of processor time to import, a quarter of the time in which
`synaxial sample` starts. The tests compare with it.
"""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled

#: The neighbours of a pixel in a stack of images: those of its own image.
PATHS = np.zeros((3, 3, 3), bool)
PATHS[1] = [[False, True, False], [True, True, True], [False, True, False]]


def joined(start: Any, allowed: Any) -> Any:
    """Return the allowed pixels that a path of allowed pixels joins to one of `start`.

    A path goes up, down, left or right. All of `start` must be allowed.
    """
    xp = chainer.backend.get_array_module(allowed)
    if xp is np:
        images, height, width = allowed.shape
        found = np.zeros((images, height + 2, width + 2), bool)
        found[:, 1:-1, 1:-1] = start
        flood(found, np.ascontiguousarray(allowed))
        return found[:, 1:-1, 1:-1]
    parts, count = chainer.backends.cuda.cupyx.scipy.ndimage.label(allowed, xp.asarray(PATHS))
    kept = xp.zeros(count + 1, bool)
    kept[parts[start]] = True
    return kept[parts]


@compiled
def flood(found: np.ndarray, allowed: np.ndarray) -> None:
    """Spread what is found, in place, along the allowed pixels.

    `allowed` is (N, H, W); `found`, (N, H + 2, W + 2), has a margin of one pixel.
    """
    images, height, width = allowed.shape
    for image in range(images):
        way, changed = -1, True
        while changed:
            # Down and to the right, then up and to the left, and again.
            way, changed = -way, False
            rows = (1, height + 1) if way > 0 else (height, 0)
            columns = (1, width + 1) if way > 0 else (width, 0)
            for row in range(rows[0], rows[1], way):
                for column in range(columns[0], columns[1], way):
                    reached = (
                        found[image, row - 1, column]
                        | found[image, row + 1, column]
                        | found[image, row, column - 1]
                        | found[image, row, column + 1]
                    )
                    new = reached & allowed[image, row - 1, column - 1]
                    if new > found[image, row, column]:
                        found[image, row, column] = changed = True


def eroded(chosen: Any, width: int, beyond: bool) -> Any:
    """Return the pixels whose square of `width` pixels is all chosen.

    A square of even width has one more row above and column to the left. `beyond` says whether the
    pixels outside an image count as chosen.
    """
    xp = chainer.backend.get_array_module(chosen)
    before, after = width // 2, (width - 1) // 2
    for axis in (1, 2):
        ends = [(0, 0)] * 3
        ends[axis] = (before, after)
        padded = xp.moveaxis(xp.pad(chosen, ends, constant_values=beyond), axis, 0)
        length = chosen.shape[axis]
        result = padded[:length].copy()
        for shift in range(1, width):
            result &= padded[shift : shift + length]
        chosen = xp.moveaxis(result, 0, axis)
    return chosen


def dilated(chosen: Any, width: int) -> Any:
    """Return the pixels in whose square of `width` pixels, an odd number, one is chosen."""
    return ~eroded(~chosen, width, beyond=True)
