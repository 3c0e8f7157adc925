"""Convolutions of many pixels: each is computed where it lies, without a matrix of patches.

In the layout (C, H, W, N) a row of an image is one run of W N values, and what a tap of the kernel
sees of it is the same run, some multiple of N values further on. So a row of outputs is a sum of
runs times numbers, which `rows.py` and `tiles.py` compute in registers. The order of a sum depends
on shapes alone, not on the number of threads.

With a stride, the columns of the padded image are sorted by their remainder, so that a tap sees a
run again. A transposed convolution of stride s is s x s convolutions of stride 1, each with the
taps that meet one kind of pixel.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from synaxial.compute.parallel import cut, for_each, scratch, workers
from synaxial.gan.ops.kernels import Frame, Kernel
from synaxial.gan.ops.rows import combine_gradients, correlate_rows, multiply_rows
from synaxial.gan.ops.tiles import lanes

#: Values of a block of rows: 1 MB, the size of a core's own cache.
BLOCK = 1 << 18
#: Values of an output's rows of which weights' gradients are summed in registers, and the least of
#: a group of rows. Each of up to `GROUPS` groups has a sum of its own.
PART, LEAST_OF_GROUP, GROUPS = 1 << 12, 1 << 13, 8
#: Values of an output from which on combined rows are faster for the gradient of the weights.
LEAST_COMBINED = 1 << 10


def apply_kernels(
    x: np.ndarray, kernels: Sequence[Kernel], bias: np.ndarray | None, y: np.ndarray
) -> None:
    """Compute the pixels of all kernels of y, (O, rows, columns, N), from x, (C, H, W, N)."""
    # A tile reads numbers that follow each other.
    bias = np.zeros(len(y), y.dtype) if bias is None else np.ascontiguousarray(bias)
    work = []
    for group in groups_of(kernels):
        frame = Frame.of(group)
        tiles = [frame.tiles(kernel) for kernel in group]
        work += [(frame, group, tiles, steps) for steps in blocks_of(x, frame)]
    for_each(lambda block: apply_in_steps(x, *block, bias, y), work)


def groups_of(kernels: Sequence[Kernel]) -> list[list[Kernel]]:
    """Return the kernels for which the same is laid out."""
    if any(kernel.kinds == 1 for kernel in kernels):
        return [list(kernels)]
    return [list(group) for _, group in itertools.groupby(kernels, lambda k: (k.first[0], k.kinds))]


def blocks_of(x: np.ndarray, frame: Frame) -> list[slice]:
    """Cut the steps so that what is laid out fits into a core's cache."""
    of_step = math.prod(frame.shape(x, 2)) - math.prod(frame.shape(x, 1))
    return cut(frame.steps, min(BLOCK // of_step, -(-frame.steps // (2 * workers.threads))))


def apply_in_steps(
    x: np.ndarray,
    frame: Frame,
    kernels: list[Kernel],
    tiles: list[np.ndarray],
    steps: slice,
    bias: np.ndarray,
    y: np.ndarray,
) -> None:
    """Compute the kernels' pixels in some steps."""
    shape = frame.shape(x, steps.stop - steps.start)
    laid_out = scratch(x.dtype, *shape)
    frame.lay_out(x, steps, laid_out)
    for kernel, tiles_of_kernel in zip(kernels, tiles, strict=True):
        multiply_rows(
            frame.kinds,
            laid_out.reshape(-1),
            frame.step(shape),
            frame.kind(shape),
            frame.offsets(kernel, shape),
            tiles_of_kernel,
            bias,
            y,
            kernel.begin,
            kernel.spread,
            steps.start,
            steps.stop,
            kernel.places,
        )


def weight_gradient_directly(x: np.ndarray, gy: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Compute what `convolution.weight_gradient` does, into the weights of a kernel."""
    outputs, rows, columns, images = gy.shape
    length, vector = columns * images, lanes(x.dtype)
    frame = Frame.of([kernel], combined=rows * length >= LEAST_COMBINED)
    # With zeros behind each row, for whole vectors.
    longer = -(-length // vector) * vector
    lines = gy.reshape(outputs, rows, length)

    def add(steps: slice, of_outputs: slice, sums: np.ndarray) -> None:
        count = steps.stop - steps.start
        shape = frame.shape(x, count)
        of_gy = (of_outputs.stop - of_outputs.start, frame.kinds, count, longer)
        # A vector more, because the last one of a row may end behind it.
        memory = scratch(x.dtype, math.prod(shape) + vector + math.prod(of_gy))
        seen, gradients = np.split(memory, [math.prod(shape) + vector])
        seen[-vector:] = 0
        frame.lay_out(x, steps, seen[:-vector].reshape(shape))
        if frame.kinds == 1 and longer == length:
            combined = lines[of_outputs, None, steps]
        else:
            combined = gradients.reshape(of_gy)
            combine_gradients(lines[of_outputs], frame.rows_of_step * steps.start, combined)
        offsets = frame.offsets(kernel, shape)
        for kind in range(frame.kinds):
            correlate_rows(
                combined[:, kind],
                seen,
                frame.step(shape),
                offsets + kind * frame.kind(shape),
                longer // vector,
                sums[of_outputs, kind],
            )

    weights = kernel.weights
    height = weights.shape[2] if frame.kinds == 1 else frame.stride
    shape = (outputs, frame.kinds, len(x) * height * weights.shape[3])
    sums = sum_in_groups(frame.steps, frame.rows_of_step * length, shape, x.dtype, add)
    sums = sums.reshape(outputs, frame.kinds, len(x), height, weights.shape[3])
    for tap, part in enumerate(taps_of(np.moveaxis(sums, 1, 0))):
        weights[:, :, tap * frame.stride : tap * frame.stride + height] = part
    return weights


def taps_of(sums: np.ndarray) -> list[np.ndarray]:
    """Return the gradients of a kernel's rows from the sums of each kind: the transpose."""
    if len(sums) == 1:
        return [sums[0]]
    if len(sums) == 3:
        p, q, r = sums
        return [p + q, q + r]
    p, q, r, s = sums
    half = sums.dtype.type(0.5)
    return [p + half * (q + r), half * (q - r), half * (q + r) + s]


def sum_in_groups(
    rows: int,
    length: int,
    shape: tuple[int, ...],
    dtype: np.dtype,
    add: Callable[[slice, slice, np.ndarray], None],
) -> np.ndarray:
    """Sum over rows: `add` adds what some rows contribute to some of the outputs of an array.

    `length` are the values of a row, `shape` is that of the sums, with the outputs first.
    """
    groups = cut(rows, -(-rows // min(GROUPS, max(1, rows * length // LEAST_OF_GROUP))))
    sums = np.zeros((len(groups), *shape), dtype)

    def of_group(item: tuple[int, slice]) -> None:
        group, of_outputs = item
        first = groups[group].start
        for part in cut(groups[group].stop - first, max(1, PART // length)):
            add(slice(first + part.start, first + part.stop), of_outputs, sums[group])

    # A group's outputs are shared by cores only if there are more cores than groups.
    shares = cut(shape[0], -(-shape[0] // max(1, workers.threads // len(groups))))
    for_each(of_group, [(group, share) for group in range(len(groups)) for share in shares])
    return sums[0] if len(groups) == 1 else np.asarray(sums.sum(axis=0))
