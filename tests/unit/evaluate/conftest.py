"""The phantoms that the metrics are tried on."""

from ..metrics.conftest import phantoms

__all__ = ["phantoms"]
