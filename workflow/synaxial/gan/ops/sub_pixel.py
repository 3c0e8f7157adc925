"""Channels that become pixels: the end of a sub-pixel convolution (Shi et al., 2016)."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.compiled import compiled
from synaxial.compute.parallel import cut, for_each
from synaxial.gan.ops.convolution import on_cpu
from synaxial.gan.ops.layout import images_first, images_last
from synaxial.gan.ops.patches import copy_runs

F = chainer.functions

#: Values of a block of rows that one core works on.
BLOCK = 1 << 16


def depth_to_space(x: Any) -> Any:
    """Make 2 x 2 pixels of four channels, as `chainer.functions.depth2space` does.

    Parameters
    ----------
    x
        (N, 4 C, H, W) of any layout in memory.

    Returns
    -------
    Variable
        (N, C, 2 H, 2 W): pixel (2 h + i, 2 w + j) of channel c is pixel (h, w) of channel
        (2 i + j) C + c.
    """
    return DepthToSpace().apply((x,))[0] if on_cpu(x) else F.depth2space(x, 2)


class DepthToSpace(chainer.FunctionNode):
    """From (x,), (N, 4 C, H, W), to (y,), (N, C, 2 H, 2 W)."""

    def forward_cpu(self, inputs: tuple[np.ndarray]) -> tuple[np.ndarray]:
        """Interleave, a block of rows of a channel at a time."""
        x = images_last(inputs[0])
        channels, height, width, images = x.shape
        y = np.empty((channels // 4, 2 * height, 2 * width, images), x.dtype)
        exchange(x.reshape(4, channels // 4, height, -1), y, False)
        return (images_first(y),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient of x."""
        return SpaceToDepth().apply(gradients)


class SpaceToDepth(chainer.FunctionNode):
    """The inverse, and the transpose: from (y,), (N, C, 2 H, 2 W), to (x,), (N, 4 C, H, W)."""

    def forward_cpu(self, inputs: tuple[np.ndarray]) -> tuple[np.ndarray]:
        """Take apart, a block of rows of a channel at a time."""
        y = images_last(inputs[0])
        channels, height, width, images = y.shape
        x = np.empty((4 * channels, height // 2, width // 2, images), y.dtype)
        exchange(x.reshape(4, channels, height // 2, -1), y, True)
        return (images_first(x),)

    def backward(self, indexes: tuple[int, ...], gradients: tuple[Any]) -> Any:
        """Return the gradient of y."""
        return DepthToSpace().apply(gradients)


def exchange(x: np.ndarray, y: np.ndarray, back: bool) -> None:
    """Copy (4, C, H, W N) to a contiguous (C, 2 H, 2 W, N), or back."""
    images = y.shape[-1]
    pixels = y.reshape(*y.shape[:2], -1)
    for_each(
        lambda some: copy_rows(x, pixels, images, some.start, some.stop, back),
        cut(x.shape[1] * x.shape[2], BLOCK // (4 * x.shape[3])),
    )


@compiled
def copy_rows(x: np.ndarray, y: np.ndarray, images: int, first: int, last: int, back: bool) -> None:
    """Copy some of the C H rows of (4, C, H, W N) to (C, 2 H, 2 W N), or back."""
    height, columns = x.shape[2], x.shape[3] // images
    zero, run, twice = np.uintp(0), np.uintp(images), np.uintp(2 * images)
    for r in range(first, last):
        c, h = r // height, r % height
        for i in range(2):
            row = y[c, 2 * h + i]
            for j in range(2):
                part, start = x[2 * i + j, c, h], run * np.uintp(j)
                if back:
                    copy_runs(part, zero, run, row, start, twice, run, columns)
                else:
                    copy_runs(row, start, twice, part, zero, run, run, columns)
