"""The up-sampler in PyTorch (see `training.py`): what its use costs, not its training."""

import itertools
import math
from typing import Any

import numpy as np
import scipy.ndimage
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (its usual name)

from .randomness import Randomness

SLOPE, SHARE, BLOCKS, NUMBERS = 0.2, 0.3, 2, 3
THRESHOLD, THRESHOLD_GAIN, GAIN, MOST = -0.97, 20.0, 4.0, 10.0
LINES, GRAIN, FEW, MANY = 0.6, 0.15, 2, 8
DARKEST, SURE, CORE = -1 + 1 / 127.5, -0.95, 1 / 16
PATHS = np.zeros((3, 3, 3), bool)
PATHS[1] = [[False, True, False], [True, True, True], [False, True, False]]


def convolution(before: int, after: int) -> nn.Conv2d:
    """Make a 3 x 3 convolution that keeps the width."""
    return nn.Conv2d(before, after, 3, 1, 1)


def rectified(x: torch.Tensor) -> torch.Tensor:
    """Apply Leaky ReLU, in place."""
    return F.leaky_relu(x, SLOPE, inplace=True)


class Upsampler(nn.Module):
    """From small images and the detail of each to large ones, of one channel."""

    def __init__(self, width: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        stages = int(math.log2(factor))
        widths = [width] * stages + [width // 2]
        pairs = list(itertools.pairwise(widths))
        self.first = convolution(1, width)
        self.blocks = nn.ModuleList(
            convolution(width + 1 - k % 2, width) for k in range(2 * BLOCKS)
        )
        self.before = nn.ModuleList(convolution(a, b) for a, b in pairs)
        self.after = nn.ModuleList(convolution(b + 1 + NUMBERS, b) for _, b in pairs)
        self.fine = convolution(widths[-1], widths[-1])
        self.last = convolution(widths[-1], 2)
        filter_ = torch.tensor([0.25, 0.5, 0.25])
        self.register_buffer("blur", (filter_[:, None] * filter_)[None, None])

    def forward(
        self, images: torch.Tensor, details: torch.Tensor, randomness: Randomness
    ) -> torch.Tensor:
        """Enlarge images in -1 … 1."""
        h = rectified(self.first(images))
        blocks = list(self.blocks)
        for one, two in zip(blocks[::2], blocks[1::2], strict=True):
            noisy = torch.cat([h, randomness.noise(h[:, :1])], dim=1)
            h = h + SHARE * two(rectified(one(noisy)))
        for before, after in zip(self.before, self.after, strict=True):
            h = rectified(before(h))
            h = F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=False)
            maps = details[:, :, None, None].expand(-1, -1, *h.shape[2:])
            h = rectified(after(torch.cat([h, randomness.noise(h[:, :1]), maps], dim=1)))
        added, logits = self.last(rectified(self.fine(h))).split(1, dim=1)
        base = enlarged(images, self.factor)
        brain = images > SURE
        inside = inside_brain(brain, self.factor)
        texture = balanced(self.blurred(base + added), inside, self.factor)
        bounded = MOST * torch.tanh(GAIN / MOST * self.blurred(logits))
        logits = bounded + (base - THRESHOLD) * THRESHOLD_GAIN
        shown = without_holes((logits > 0) & near_brain(brain, self.factor))
        return torch.where(shown, texture.clamp(min=DARKEST), -1.0)

    def blurred(self, x: torch.Tensor) -> torch.Tensor:
        """Blur by [1, 2, 1] / 4 along each axis."""
        return F.conv2d(F.pad(x, (1, 1, 1, 1), "replicate"), self.blur)


def balanced(texture: torch.Tensor, inside: torch.Tensor, factor: int) -> torch.Tensor:
    """Strengthen lines and weaken grain inside the brain."""
    few, many = (blurred_often(texture, times) for times in (FEW, MANY))
    change = LINES * (few - many) - GRAIN * (texture - few)
    change = change - enlarged(F.avg_pool2d(change, factor), factor)
    return torch.where(inside, texture + change, texture)


def blurred_often(x: torch.Tensor, times: int) -> torch.Tensor:
    """Blur several times by one kernel an axis, whose weights are binomial coefficients.

    A blur repeats the border's pixel. Several then see the image mirrored beyond its border.
    """
    row = torch.tensor([float(math.comb(2 * times, k)) for k in range(2 * times + 1)]) / 4**times
    for axis, kernel in ((2, row[:, None]), (3, row[None])):
        before, after = x.narrow(axis, 0, times), x.narrow(axis, x.shape[axis] - times, times)
        mirrored = torch.cat([before.flip(axis), x, after.flip(axis)], dim=axis)
        x = F.conv2d(mirrored, kernel[None, None])
    return x


def enlarged(x: torch.Tensor, factor: int) -> torch.Tensor:
    """Enlarge images bicubically."""
    return F.interpolate(x, scale_factor=factor, mode="bicubic", align_corners=False)


# SciPy is not PyTorch's.
@torch.compiler.disable  # type: ignore[untyped-decorator]
def without_holes(chosen: torch.Tensor) -> torch.Tensor:
    """Add the pixels from which no path leads to the border; PyTorch has no labels of regions."""
    parts, count = scipy.ndimage.label(~chosen[:, 0].numpy(), PATHS)
    border = np.concatenate([parts[:, 0], parts[:, -1], parts[:, :, 0], parts[:, :, -1]], axis=1)
    outside = np.zeros(count + 1, bool)
    outside[border.ravel()] = True
    outside[0] = False
    return torch.from_numpy(~outside[parts])[:, None]


@torch.compiler.disable  # type: ignore[untyped-decorator]
def near_brain(brain: torch.Tensor, factor: int) -> torch.Tensor:
    """Return the surroundings of the brain's parts that hold a square of CORE of the width."""
    core = max(1, round(CORE * brain.shape[-1]))
    pixels = brain[:, 0].numpy()
    squares = scipy.ndimage.binary_erosion(pixels, np.ones((1, core, core)))
    kept = scipy.ndimage.binary_propagation(squares, PATHS, pixels)
    near = scipy.ndimage.binary_dilation(kept, np.ones((1, 3, 3)))
    return torch.from_numpy(near.repeat(factor, axis=1).repeat(factor, axis=2))[:, None]


@torch.compiler.disable  # type: ignore[untyped-decorator]
def inside_brain(brain: torch.Tensor, factor: int) -> torch.Tensor:
    """Return the pixels whose small pixel and its eight neighbours are brain."""
    inside = scipy.ndimage.binary_erosion(brain[:, 0].numpy(), np.ones((1, 3, 3)))
    return torch.from_numpy(inside.repeat(factor, axis=1).repeat(factor, axis=2))[:, None]


class Cascade(nn.Module):
    """The coarse generator, then the up-sampler, each image with a detail of its own."""

    def __init__(self, coarse: nn.Module, settings: dict[str, Any]) -> None:
        super().__init__()
        self.coarse = coarse
        self.upsampler = Upsampler(settings["width"], settings["factor"])

    def forward(self, latents: torch.Tensor, randomness: Randomness) -> torch.Tensor:
        """Make images."""
        small = self.coarse(latents, randomness).clamp(-1, 1)
        details = torch.randn(len(small), NUMBERS)
        return self.upsampler(small, details, randomness)
