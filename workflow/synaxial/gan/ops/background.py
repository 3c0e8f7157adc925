"""Exact background: a hard choice whose gradient is that of a soft one."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import for_each
from synaxial.gan.ops.functions import apply

#: The value of background.
BACKGROUND = -1

#: The neighbours of a pixel in a stack of images: those of its own image.
PATHS = np.zeros((3, 3, 3), bool)
PATHS[1] = [[False, True, False], [True, True, True], [False, True, False]]

#: A part of a small image's brain is a speck if it holds no square of this share of the width.
CORE = 1 / 16

#: The darkest that a pixel of the brain may be: one grey level above background.
DARKEST = -1 + 1 / 127.5


class WithBackground(chainer.FunctionNode):
    """From (texture, logit) to (image,): the texture in the brain, elsewhere background.

    In the brain the texture is raised to one grey level above background where it is below.

    The brain is where the logit is above 0, and whatever that encloses. The gradient with respect
    to the logit is that of (texture + 1) sigmoid(logit) - 1, as if the choice were soft
    ("straight-through"; Bengio et al., 2013), and 0 where the choice was not its own. So background
    is exactly -1 in training too, and no edge of the image is half-transparent.
    """

    def forward(self, inputs: tuple[Any, Any]) -> tuple[Any]:
        """Compute the image."""
        texture, logit = inputs
        self.retain_inputs((0, 1))
        xp = chainer.backend.get_array_module(texture)
        self.brain = without_holes(logit > 0)
        bounded = xp.maximum(texture, texture.dtype.type(DARKEST))
        return (xp.where(self.brain, bounded, texture.dtype.type(BACKGROUND)),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> list[Any]:
        """Return the requested gradients of texture and logit; they are constants."""
        texture, logit = (variable.array for variable in self.get_retained_inputs())
        gradient = gradients[0].array
        xp = chainer.backend.get_array_module(texture)
        # s (1 - s) of the logistic function s, which overflows nowhere.
        slope = 0.25 / xp.cosh(xp.clip(logit / 2, -40, 40)) ** 2
        slope *= self.brain == (logit > 0)
        # A texture that is too dark gets no darker, but can come back.
        movable = self.brain & ((texture > texture.dtype.type(DARKEST)) | (gradient < 0))
        parts = [gradient * movable, gradient * (texture - BACKGROUND) * slope]
        return [chainer.as_variable(parts[index]) for index in indexes]


def with_background(texture: Any, logit: Any) -> Any:
    """Set the texture to -1 outside the brain, and above it inside; both are (N, 1, H, W)."""
    return apply(WithBackground(), texture, logit)


def without_holes(chosen: Any) -> Any:
    """Add to the chosen pixels, bool (N, 1, H, W), those from which no path leads to the border.

    A skull-stripped brain encloses few black pixels: about 20 in a slice of BraTS 2018. A path goes
    up, down, left or right.
    """
    free = ~chosen[:, 0]
    border = free.copy()
    border[:, 1:-1, 1:-1] = False
    return ~joined(border, free)[:, None]


def near_brain(brain: Any) -> Any:
    """Return where an enlarged image may have brain: pixels of the small one, bool (N, 1, w, w).

    `brain` are the pixels of small images that belong to the brain, bool (N, 1, w, w). The result
    are they and their eight neighbours, without specks. A generator of small images makes specks; a
    real slice of a skull-stripped brain hardly ever has such a small part.
    """
    pixels = brain[:, 0]
    xp = chainer.backend.get_array_module(pixels)
    squares = over_squares(xp.logical_and, pixels, core_of(pixels.shape[-1]), outside=False)
    return over_squares(xp.logical_or, joined(squares, pixels), 3, outside=False)[:, None]


def inside_brain(brain: Any) -> Any:
    """Return the inside of brains, bool (N, 1, w, w): pixels with all eight neighbours."""
    xp = chainer.backend.get_array_module(brain)
    return over_squares(xp.logical_and, brain[:, 0], 3, outside=False)[:, None]


def repeated(pixels: Any, factor: int) -> Any:
    """Repeat the pixels of (N, C, w, w) along both axes: (N, C, factor w, factor w)."""
    return pixels.repeat(factor, axis=2).repeat(factor, axis=3)


def core_of(width: int) -> int:
    """Return the width of the square that a part of the brain must hold: 4 pixels of 64."""
    return max(1, round(CORE * width))


def over_squares(operation: Callable[..., Any], pixels: Any, width: int, outside: bool) -> Any:
    """Combine the pixels of a square around each pixel by "and" or "or": bool (N, H, W).

    A square of even width begins half of its width before its pixel. `outside` is the value outside
    the images.
    """
    xp = chainer.backend.get_array_module(pixels)
    before = width // 2
    for axis in (1, 2):
        around = [(0, 0)] * 3
        around[axis] = (before, width - 1 - before)
        lines = xp.moveaxis(xp.pad(pixels, around, constant_values=outside), axis, 0)
        shifted = [lines[k : k + pixels.shape[axis]] for k in range(width)]
        pixels = xp.moveaxis(functools.reduce(operation, shifted), 0, axis)
    return pixels


def joined(start: Any, allowed: Any) -> Any:
    """Return the allowed pixels that a path of allowed pixels joins to one of `start`.

    All are bool (N, H, W). All of `start` must be allowed.
    """
    if isinstance(start, np.ndarray):
        reached, free = (np.array(pixels, order="C") for pixels in (start, allowed))
        for_each(lambda image: flood(reached[image], free[image]), range(len(reached)))
        return reached
    xp = chainer.backend.get_array_module(allowed)
    # All images at once, without paths from one to the next.
    parts, count = chainer.backends.cuda.cupyx.scipy.ndimage.label(allowed, xp.asarray(PATHS))
    kept = xp.zeros(count + 1, bool)
    kept[parts[start]] = True
    return kept[parts]


@compiled
def flood(reached: np.ndarray, allowed: np.ndarray) -> None:
    """Extend the pixels that are reached, (H, W), to all that paths of allowed pixels lead to."""
    height, width = reached.shape
    # Those from which no path has been followed. Each pixel is among them once.
    waiting = np.empty(height * width, np.int32)
    count = 0
    for place in range(height * width):
        if reached[place // width, place % width]:
            waiting[count] = place
            count += 1
    while count > 0:
        count -= 1
        row, column = waiting[count] // width, waiting[count] % width
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            inside = 0 <= r < height and 0 <= c < width
            if inside and allowed[r, c] and not reached[r, c]:
                reached[r, c] = True
                waiting[count] = r * width + c
                count += 1
