"""Conditions: what can be asked of a generator, as its networks see it.

An image is asked for by a label: see `data/dataset/labels.py`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.data.dataset.labels import LABEL, LEVEL, SIDE, SIZE, TUMOUR

Array = NDArray[np.float32]

#: Gaussian bumps along the levels. A network sees a level as their values, so that it can learn
#: something of its own for each part of the brain.
BUMPS = 8

#: The size in mm that a network sees as 1.
LARGE = 50.0


#: The labels of the training that a generator keeps, and what fills the rows of fewer ones. A level
#: is never below 0.
KNOWN, UNUSED = 4096, -1.0


@dataclass(frozen=True)
class Conditions:
    """The conditions of a generator, and labels of its training, float32 (N, `LABEL`)."""

    names: tuple[str, ...]
    known: Array | None = None

    @property
    def features(self) -> int:
        """The numbers that a network sees of a label."""
        return BUMPS * ("level" in self.names) + 3 * ("tumour" in self.names)

    @property
    def bumps(self) -> tuple[Array, float]:
        """The centres of the bumps along the levels, in mm, and how far they are apart."""
        assert self.known is not None
        lowest, highest = self.known[:, LEVEL].min(), self.known[:, LEVEL].max()
        centres = np.linspace(lowest, highest, BUMPS, dtype=np.float32)
        return centres, max(highest - lowest, 1.0) / (BUMPS - 1)

    def features_of(self, labels: Array) -> Array:
        """Return what a network sees of labels, float32 (N, `LABEL`): float32 (N, `features`)."""
        parts = []
        if "level" in self.names:
            centres, apart = self.bumps
            parts.append(np.exp(-0.5 * ((labels[:, LEVEL, None] - centres) / apart) ** 2))
        if "tumour" in self.names:
            found = labels[:, TUMOUR, None]
            parts.append(found * [1, 0, 0] + labels[:, [SIDE, SIDE, SIZE]] * [0, 1, 1 / LARGE])
        return np.asarray(np.concatenate(parts, axis=1), np.float32)

    def draw(self, count: int, randomness: Any) -> Array:
        """Draw labels of the training, float32 (count, `LABEL`)."""
        assert self.known is not None
        numbers = randomness.uniform((count, 1))[:, 0]
        return self.among(self.known, numbers if isinstance(numbers, np.ndarray) else numbers.get())

    @staticmethod
    def among(labels: Array, numbers: Array) -> Array:
        """Return the labels at some places, numbers in [0, 1)."""
        chosen: Array = labels[(numbers * len(labels)).astype(int)]
        return chosen


def known_labels(labels: Array) -> Array:
    """Return the labels of a training, or evenly spaced ones along the levels: (KNOWN, LABEL).

    They are in the order of their levels, the lowest and the highest among them. Unused rows are
    `UNUSED`.
    """
    ordered = labels[np.lexsort(labels.T[::-1])]
    known = np.full((KNOWN, LABEL), UNUSED, np.float32)
    count = min(KNOWN, len(labels))
    known[:count] = ordered[np.linspace(0, len(labels) - 1, count).round().astype(int)]
    return known


def used(known: Array) -> Array:
    """Return the used rows of `known_labels`."""
    return known[known[:, LEVEL] >= 0]
