"""The power spectrum: how much detail of each size, and whether the images have a grid."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from synaxial.compute.parallel import cut, for_each
from synaxial.evaluation.metrics.common import Numbers, Rows, Weights, shares

NAME = "spectrum"
TITLE = "spectrum"
EXPLANATION = (
    "The spectrum is the power of each spatial frequency, averaged over directions, in decibels. "
    "The metric is its root mean square difference from the spectrum of real images. The signed "
    "difference in the upper half of the frequencies is below 0 for blur and above 0 for noise. "
    "The grid index looks for the pattern that transposed convolutions leave: the power at the "
    "frequencies of grids of 2, 4 and 8 pixels over that of their neighbourhood, relative to the "
    "same ratio in real images. It rises with a grid and not with blur. Neither number sees "
    "anatomy, or where in the image something is. A difference near that of two disjoint sets of "
    "real subjects and a grid index of 1 are good."
)
SOURCE = (
    "Durall, Keuper, Keuper: Watch your Up-Convolution, CVPR 2020 (the radial spectrum); Odena, "
    "Dumoulin, Olah: Deconvolution and Checkerboard Artifacts, Distill 2016 (the pattern). There "
    "is no standard index: ours is the geometric mean over the frequencies of the grid of (mean "
    "power in 3 x 3 around it) / (mean power in the square around that), geometric over images, "
    "divided by the same of real images"
)

#: The periods of the grids, in pixels. The images are cut to a multiple of the largest.
PERIODS = (2, 4, 8)

#: Images that one thread processes at a time.
BLOCK = 16


def power_spectra(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the power of the frequencies of images uint8 (N, S, S), float32 (N, S, S // 2 + 1).

    In squared grey levels a pixel, in the layout of `scipy.fft.rfft2`. The mean is subtracted and
    the image is tapered by a Hann window along both axes, so that a difference between opposite
    borders does not leak into all frequencies. The power of rounding to whole grey levels is
    added: a variance of 1/12, which every 8-bit image has. The logarithm of an empty image is
    then finite, and details too faint for 8 bits count little.
    """
    side = pixels.shape[-1]
    # Periodic: a frequency of whole waves in the image spreads to its direct neighbours only.
    taper = np.sin(np.pi * np.arange(side) / side) ** 2
    window = np.outer(taper, taper).astype(np.float32)
    images = pixels.astype(np.float32)
    images -= images.mean(axis=(1, 2), keepdims=True)
    transformed = scipy.fft.rfft2(images * window, axes=(1, 2))
    power: NDArray[np.float32] = np.square(transformed.real) + np.square(transformed.imag)
    power /= np.float32(np.square(window).sum())
    power += np.float32(1 / 12)
    return power


def lattice(side: int) -> NDArray[np.int64]:
    """Return the frequencies of the grids: int64 (F, 3) of row, column and period.

    They are the multiples of side/8 on the rows, the columns and both diagonals through 0, without
    0 itself. The period is that of the coarsest grid whose first frequency it is: a grid of period
    4 begins at side/4, where a grid of period 8 has power too. Of two opposite frequencies, which
    are equal in real-valued images, only one is listed.
    """
    found = []
    for k in range(1, PERIODS[-1] // 2 + 1):
        # Multiples of 8/k pixels: 1 and 3 of period 8, 2 of period 4, 4 of period 2.
        period = PERIODS[-1] // int(np.gcd(k, PERIODS[-1]))
        at = k * side // PERIODS[-1]
        places = {(0, at), (at, 0), (at, at), (-at % side, at)}
        found += [(row, column, period) for row, column in sorted(places)]
    return np.array(found, np.int64)


def _neighbourhoods(side: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places near each frequency of `lattice`: (F, 9, 2) and (F, M, 2).

    The first are the frequency and its direct neighbours, the second the other places in the
    square around it. No square touches another frequency of the lattice. Negative columns are
    mirrored.
    """
    reach = max(2, side // 32)
    offsets = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="ij"), axis=-1)
    flat = offsets.reshape(-1, 2)
    near = np.abs(flat).max(axis=1) <= 1
    places = lattice(side)[:, None, :2] + flat
    outside = (places[..., 1] > side // 2) | (places[..., 1] < 0)
    mirrored = np.where(outside[..., None], -places, places) % side
    return mirrored[:, near], mirrored[:, ~near]


def measure(pixels: NDArray[np.uint8]) -> Rows:
    """Return the radial spectrum of images uint8 (N, S, S), and the power at grid frequencies.

    `radial`, float32 (N, S // 2), is the mean power at 1 to S // 2 waves an image, in decibels (10
    log10 of squared grey levels). `lattice`, float32 (N, F), is the logarithm of the power at each
    frequency of `lattice` over that of its neighbourhood. `periods`, int64 (N, F), are the periods
    of the frequencies, the same in each row.
    """
    side = pixels.shape[-1] // PERIODS[-1] * PERIODS[-1]
    if side < 64:
        raise ValueError(f"images of {pixels.shape[-1]} pixels a side, expected at least 64")
    wanted = side // 2 + 1
    # The rounded distance of each frequency from 0, in the layout of the half spectrum.
    distance = np.hypot(np.fft.fftfreq(side, 1 / side)[:, None], np.arange(wanted))
    ring = np.rint(distance).astype(np.int64).ravel()
    # The half spectrum has one of two opposite frequencies, except in the first and last column.
    often = np.full((side, wanted), 2.0)
    often[:, [0, -1]] = 1
    often = often.ravel()
    total = np.bincount(ring, often)[1:wanted]
    own, around = _neighbourhoods(side)
    radial = np.empty((len(pixels), side // 2), np.float32)
    ratio = np.empty((len(pixels), len(own)), np.float32)

    def transform(block: slice) -> None:
        power = power_spectra(pixels[block, :side, :side])
        for at, image in zip(range(block.start, block.stop), power, strict=True):
            sums = np.bincount(ring, often * image.ravel())[1:wanted]
            radial[at] = 10 * np.log10(sums / total)
        near = power[:, own[..., 0], own[..., 1]].mean(axis=2, dtype=np.float64)
        far = power[:, around[..., 0], around[..., 1]].mean(axis=2, dtype=np.float64)
        ratio[block] = np.log(near / far)

    for_each(transform, cut(len(pixels), BLOCK))
    periods = np.tile(lattice(side)[:, 2], (len(pixels), 1))
    return {"radial": radial, "lattice": ratio, "periods": periods}


def compare(generated: Rows, reference: Rows, p: Weights = None, q: Weights = None) -> Numbers:
    """Return the differences of the mean spectra, and the grid index.

    `spectrum` is the root mean square difference of the mean radial spectra, in decibels,
    `spectrum_fine` the mean difference in the upper half of the frequencies, generated minus real.
    `grid_index` is relative to real images; `grid_index_{period}` is that of the frequencies at
    which a grid of that period begins.
    """
    own, real = shares(p, len(generated["radial"])), shares(q, len(reference["radial"]))
    difference = own @ generated["radial"] - real @ reference["radial"]
    excess = own @ generated["lattice"] - real @ reference["lattice"]
    periods = reference["periods"][0]
    by_period = {
        f"grid_index_{period}": float(np.exp(excess[periods == period].mean()))
        for period in PERIODS
    }
    return {
        NAME: float(np.sqrt(np.square(difference).mean())),
        f"{NAME}_fine": float(difference[len(difference) // 2 :].mean()),
        "grid_index": float(np.exp(excess.mean())),
        **by_period,
    }
