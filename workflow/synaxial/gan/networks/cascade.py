"""The whole generator of a coarse-to-fine training: the coarse generator, then the up-sampler."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.coarse import CoarseGenerator
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.randomness import Randomness
from synaxial.gan.networks.upsampler import Upsampler, enlarged_masks
from synaxial.gan.ops.resampling import bilinear_upsampling

F = chainer.functions


class Cascade(chainer.Chain):
    """Makes small images and enlarges them; to its users it is a generator like any other.

    It is on the device of the coarse generator, and takes the up-sampler there.
    """

    #: No image depends on the others of its batch.
    batch_normalization = False
    #: The noise of its layers is a part of every image.
    needs_randomness = True
    #: On the CPU, its layers take too little time to be shared by threads.
    small_layers = True

    def __init__(self, coarse: CoarseGenerator, upsampler: Upsampler) -> None:
        super().__init__()
        with self.init_scope():
            self.coarse = coarse
            self.upsampler = upsampler
        #: The standardised detail of all images, (1, 3); None means that each has its own.
        self.detail: Any = None
        # A new chain is on the host, wherever its parts are.
        self.to_device(coarse.device)

    @property
    def output_range(self) -> tuple[float, float]:
        """The smallest and largest value of an image."""
        return self.coarse.output_range

    @property
    def conditions(self) -> Conditions:
        """What can be asked of an image."""
        return self.coarse.conditions

    def forward(
        self, latents: Any, randomness: Randomness, labels: np.ndarray | None = None
    ) -> Any:
        """Make images within `output_range`: float32 (N, channels, width, width).

        `latents` and `labels` are those of the coarse generator. During a training it may not have
        reached its full width; then its images are enlarged bilinearly before the up-sampler. A
        second channel, the mask, is enlarged without the up-sampler (`enlarged_masks`).
        """
        small = self._small(latents, randomness, labels)
        images, *masks = F.split_axis(small, small.shape[1], axis=1, force_tuple=True)
        details = self.upsampler.draw_details(images, randomness)
        if self.detail is not None:
            details = self.xp.repeat(self.detail, len(details), axis=0)
        large = self.upsampler.enlarge_whole(images, details, randomness)
        if not masks:
            return large
        return F.concat([large, enlarged_masks(masks[0], large, self.upsampler.factor)])

    def with_detail_of(
        self, latents: Any, randomness: Randomness, labels: np.ndarray | None = None
    ) -> "Cascade":
        """Return a copy that gives all images the detail of this one; as `forward`, with N = 1."""
        copy: Cascade = self.copy(mode="share")
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            images = self._small(latents, randomness, labels)
        copy.detail = self.upsampler.draw_details(images, randomness)
        return copy

    def _small(self, latents: Any, randomness: Randomness, labels: np.ndarray | None) -> Any:
        """Make the small images that the up-sampler enlarges."""
        # As the up-sampler's training has them.
        images = F.clip(self.coarse(latents, randomness, labels), *self.output_range)
        while images.shape[-1] < self.coarse.settings.width:
            images = bilinear_upsampling(images)
        return images
