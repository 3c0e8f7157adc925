"""The generator and the discriminator, their layers and their random numbers."""

from synaxial.gan.networks.discriminator import Discriminator
from synaxial.gan.networks.generator import Generator

__all__ = ["Discriminator", "Generator"]
