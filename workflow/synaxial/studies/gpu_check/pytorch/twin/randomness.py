"""Random numbers of the networks in PyTorch: drawn here, or given from elsewhere."""

from collections.abc import Iterator

import torch
from torch.nn import functional as F  # noqa: N812 (its usual name)


class Given:
    """Random numbers that were drawn elsewhere, in the order of their use."""

    def __init__(self, arrays: list[torch.Tensor]) -> None:
        self._arrays: Iterator[torch.Tensor] = iter(arrays)

    def noise(self, x: torch.Tensor) -> torch.Tensor:
        """Return the next standard normal values."""
        return next(self._arrays)

    def dropout(self, x: torch.Tensor, ratio: float) -> torch.Tensor:
        """Multiply by the next factors: 0 or 1 / (1 - ratio)."""
        return x * next(self._arrays)


class Drawn:
    """PyTorch's own random numbers."""

    def noise(self, x: torch.Tensor) -> torch.Tensor:
        """Return standard normal values."""
        return torch.randn_like(x)

    def dropout(self, x: torch.Tensor, ratio: float) -> torch.Tensor:
        """Drop values."""
        return F.dropout(x, ratio, training=True)


Randomness = Given | Drawn
