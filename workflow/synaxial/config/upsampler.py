"""The section about the up-sampler, which enlarges generated images, and its training."""

from typing import Annotated, Literal

from pydantic import Field

from synaxial.config.sections import Count, NotNegative, Positive, Section


class Upsampler(Section):
    """The network that enlarges small images to full size.

    It learns from real images and their reductions, beside each other: to be like them in each
    pixel and in their texture, and later to a critic of small patches too.
    """

    width: Annotated[int, Field(gt=0, multiple_of=2)] = 32
    """Channels at the width of the small images, an even number. The layers at full size have half
    of them."""

    factor: Literal[2, 4, 8] = 4
    """How much wider it makes an image: from the coarse image's width to `resize.size`."""

    epochs: Count = 120
    """Passes over the training images, of each of which one crop is used."""

    batch_size: Count = 8
    """Crops in one update, over all ranks together."""

    crop: Annotated[int, Field(gt=0, multiple_of=16)] = 96
    """Width of a crop in pixels, a multiple of 16. Larger images than the crop's are seen in
    parts."""

    learning_rate: Positive = 0.001
    """Learning rate of the up-sampler; that of the critic is half of it. Over the last 30 % of the
    training both fall to a tenth."""

    adversarial_weight: NotNegative = 0.05
    """Weight of the critic's score in the up-sampler's loss. More makes textures livelier; 0 trains
    without a critic."""

    degradation: NotNegative = 1.0
    """How much the small images of the training are spoiled, by blur and noise. Generated images
    are not as clean as reduced real ones: without it, the up-sampler sharpens their faults. 1: up
    to half blurred, and noise with a standard deviation of up to 6 grey levels."""
