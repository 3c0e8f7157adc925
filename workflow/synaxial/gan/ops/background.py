"""Exact background: a hard choice whose gradient is that of a soft one."""

from typing import Any

import numpy as np
import scipy.ndimage

from synaxial.compute.chainer_compatibility import chainer

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
    return WithBackground().apply((texture, logit))[0]


def without_holes(chosen: Any) -> Any:
    """Add to the chosen pixels, bool (N, 1, H, W), those from which no path leads to the border.

    A skull-stripped brain encloses few black pixels: about 20 in a slice of BraTS 2018. A path goes
    up, down, left or right.
    """
    free = ~chosen[:, 0]
    border = free.copy()
    border[:, 1:-1, 1:-1] = False
    return ~joined(border, free)[:, None]


def near_brain(brain: Any, factor: int) -> Any:
    """Return where an enlarged image may have brain: bool (N, 1, factor w, factor w).

    `brain` are the pixels of small images that belong to the brain, bool (N, 1, w, w). The result
    is what they and their eight neighbours cover, without specks. A generator of small images makes
    specks; a real slice of a skull-stripped brain hardly ever has such a small part.
    """
    pixels = brain[:, 0]
    ndimage, xp = regions_for(pixels)
    core = core_of(pixels.shape[-1])
    squares = ndimage.binary_erosion(pixels, xp.ones((1, core, core), bool))
    near = ndimage.binary_dilation(joined(squares, pixels), xp.ones((1, 3, 3), bool))
    return near.repeat(factor, axis=1).repeat(factor, axis=2)[:, None]


def core_of(width: int) -> int:
    """Return the width of the square that a part of the brain must hold: 4 pixels of 64."""
    return max(1, round(CORE * width))


def joined(start: Any, allowed: Any) -> Any:
    """Return the allowed pixels that a path of allowed pixels joins to one of `start`.

    All are bool (N, H, W). All of `start` must be allowed.
    """
    ndimage, xp = regions_for(allowed)
    # All images at once, without paths from one to the next.
    parts, count = ndimage.label(allowed, xp.asarray(PATHS))
    kept = xp.zeros(count + 1, bool)
    kept[parts[start]] = True
    return kept[parts]


def regions_for(pixels: Any) -> tuple[Any, Any]:
    """Return the modules for regions of images and for arrays, on the device of `pixels`."""
    on_cpu = isinstance(pixels, np.ndarray)
    ndimage = scipy.ndimage if on_cpu else chainer.backends.cuda.cupyx.scipy.ndimage
    return ndimage, chainer.backend.get_array_module(pixels)
