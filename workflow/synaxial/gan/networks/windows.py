"""The part of an image that the up-sampler computes: a window around the head.

A head covers about half of a slice, and outside it an enlarged image is background, whatever the
layers compute there. The window is so large that the head itself has the same values, up to
rounding, as if the whole image were computed.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np


class Window(NamedTuple):
    """Some rows and columns of an image; the last ones are not included."""

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def all_of(cls, x: Any) -> "Window":
        """Return the window that is all of images, (N, C, H, W)."""
        return cls(0, x.shape[2], 0, x.shape[3])

    def of(self, x: Any) -> Any:
        """Return this part of images, (N, C, H, W)."""
        if self == Window.all_of(x):
            return x
        return x[:, :, self.top : self.bottom, self.left : self.right]

    def within(self, outer: "Window") -> "Window":
        """Return the same part, seen from a window that contains it."""
        top, left = outer.top, outer.left
        return Window(self.top - top, self.bottom - top, self.left - left, self.right - left)

    def times(self, factor: int) -> "Window":
        """Return the same part of an image that is enlarged by a factor."""
        return Window(*(factor * bound for bound in self))

    def grown(self, pixels: int, width: int) -> "Window":
        """Return the window with some pixels more on each side, within an image of this width."""
        return Window(
            max(0, self.top - pixels),
            min(width, self.bottom + pixels),
            max(0, self.left - pixels),
            min(width, self.right + pixels),
        )

    def before_doubling(self, width: int) -> "Window":
        """Return what a bilinear doubling to this window sees of an image of this width."""
        outside = Window(self.top // 2, -(-self.bottom // 2), self.left // 2, -(-self.right // 2))
        return outside.grown(1, width)


class Doubling(NamedTuple):
    """What is enlarged of an image, and what is kept of the enlarged one."""

    enlarged: Window
    kept: Window


def doublings_of_all(width: int, stages: int) -> list[Doubling]:
    """Return the doublings of whole images of this width."""
    wholes = [Window(0, width << k, 0, width << k) for k in range(stages + 1)]
    return [Doubling(*pair) for pair in itertools.pairwise(wholes)]


def doublings_around(
    pixels: np.ndarray, stages: int, convolutions: int, margin: int
) -> list[Doubling]:
    """Return what must be computed for what some pixels of a small image become.

    Parameters
    ----------
    pixels
        At least one pixel, bool (w, w).
    stages
        How often the image is doubled.
    convolutions
        3 x 3 convolutions between two doublings.
    margin
        How many pixels around them, of the last image, their values depend on.
    """
    width, factor = len(pixels), 1 << stages
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    box = Window(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    # Whole small pixels, which `area_reduction` averages over.
    kept = box.grown(-(-margin // factor), width).times(factor)
    found = []
    for stage in reversed(range(stages)):
        enlarged = kept.before_doubling(width << stage)
        found.append(Doubling(enlarged, kept))
        kept = enlarged.grown(convolutions, width << stage)
        # Rows are convolved in pairs: with the pairs of a whole image, sums are rounded alike.
        kept = kept._replace(top=kept.top // 2 * 2)
    return found[::-1]
