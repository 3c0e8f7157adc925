"""The two networks of the method, and where their randomness comes from."""

from synaxial.networks.discriminator import Discriminator
from synaxial.networks.generator import Generator

__all__ = ["Discriminator", "Generator"]
