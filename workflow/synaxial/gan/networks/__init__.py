"""The two networks of the method, and where their randomness comes from."""

from synaxial.gan.networks.discriminator import Discriminator
from synaxial.gan.networks.generator import Generator

__all__ = ["Discriminator", "Generator"]
