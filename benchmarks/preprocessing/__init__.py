"""Preprocessing measured: this package's stages beside the same work in MONAI and in TorchIO."""

from benchmarks.preprocessing.measurement import measure
from benchmarks.preprocessing.rows import Row

__all__ = ["Row", "measure"]
