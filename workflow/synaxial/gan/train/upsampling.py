"""The training of the up-sampler: supervised, with a critic of patches."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.parallel import cut, for_each
from synaxial.config.training import Optimizer, Training
from synaxial.config.upsampler import Upsampler as UpsamplerSettings
from synaxial.gan.networks.randomness import (
    UPSAMPLER_INITIALISATION,
    UPSAMPLING,
    BatchRandomness,
    seeded_initialisers,
)
from synaxial.gan.networks.upsampler import Enlarged, PatchCritic, Upsampler
from synaxial.gan.ops.background import without_holes
from synaxial.gan.ops.convolution import convolution
from synaxial.gan.ops.enlargement import area_reduction, average_squares
from synaxial.gan.ops.layout import on_cpu
from synaxial.gan.train.batches import RankBatches
from synaxial.gan.train.communication import average_over_ranks, average_persistents
from synaxial.gan.train.crops import crops_of, degrade
from synaxial.gan.train.losses import LOSSES
from synaxial.gan.train.optimizers import make_optimizer
from synaxial.gan.train.updater import follow

F = chainer.functions


def normalised(filters: list[list[list[int]]]) -> np.ndarray:
    """Return filters with the norm 1, float32 (filters, 3, 3)."""
    values = np.array(filters, np.float32)
    values /= np.sqrt((values**2).sum(axis=(1, 2), keepdims=True))
    return values


#: What an iteration observes, in the order of the vector that the ranks average. Before the critic
#: takes part, the values of its scores are 0.
OBSERVED = (
    "loss_generator",
    "loss_discriminator",
    "score_real",
    "score_generated",
    "loss_pixels",
)

#: Share of the iterations before the critic takes part: until then there is little to criticise.
SUPERVISED = 0.12

#: Share of the iterations after which the learning rates fall, and to what part.
CONSTANT, LAST_RATE = 0.7, 0.1

#: Weights of the difference at full size, beside that of half-size averages, of the texture's
#: strength and of the logits. A difference of averages lets fine structure be where the noise puts
#: it.
FULL_SIZE, TEXTURE, LOGITS = 0.3, 1.0, 0.1

#: Weight of the distribution of a texture beside its strength.
DISTRIBUTION = 1.0

#: Filters of 3 x 3 pixels with the norm 1: edges in four directions, lines in four, a point.
FILTERS = normalised(
    [
        [[0, 0, 0], [0, -1, 1], [0, 0, 0]],
        [[0, 0, 0], [0, -1, 0], [0, 1, 0]],
        [[0, 0, 0], [0, -1, 0], [0, 0, 1]],
        [[0, 0, 0], [0, -1, 0], [1, 0, 0]],
        [[0, 0, 0], [-1, 2, -1], [0, 0, 0]],
        [[0, -1, 0], [0, 2, 0], [0, -1, 0]],
        [[-1, 0, 0], [0, 2, 0], [0, 0, -1]],
        [[0, 0, -1], [0, 2, 0], [-1, 0, 0]],
        [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    ]
)

#: Width of the squares over which the strength of a texture is averaged, at full size.
WINDOW = 8

#: Adam's decay of the moments.
BETA1, BETA1_OF_CRITIC, BETA2 = 0.5, 0.0, 0.99

#: Half-life of the moving average in crops, and the largest part of the training so far that it may
#: be (Karras et al., 2020): at first the weights change fast.
HALF_LIFE, RAMP_UP = 1000, 0.05


@dataclass(frozen=True)
class UpsamplerNetworks:
    """The up-sampler, its critic, and the moving average of the up-sampler, which is kept."""

    upsampler: Upsampler
    critic: PatchCritic
    average: Upsampler


class UpsamplerUpdater(chainer.training.updaters.StandardUpdater):
    """One update of the critic, then one of the up-sampler, on the same crops.

    `images` are uint8 (N, W, W). The optimizers are named `generator` and `discriminator`, as in
    `AdversarialUpdater`.
    """

    #: The class that draws the random numbers of an iteration.
    source = BatchRandomness

    def __init__(
        self,
        batches: RankBatches,
        images: np.ndarray,
        networks: UpsamplerNetworks,
        optimizers: dict[str, Any],
        settings: UpsamplerSettings,
        seed: int,
        communicator: Any,
        device: Any,
    ) -> None:
        super().__init__(batches, optimizers, device=device)
        self.images = images
        self.details = networks.upsampler.learn_details(images)
        networks.average.known[...] = networks.upsampler.known
        self.networks = networks
        self.settings = settings
        self.seed = seed
        self.communicator = communicator
        self.xp = device.xp
        self.observed: dict[str, float] = {}
        #: The networks that the last iteration updated, by the names of their optimizers.
        self.updated: tuple[str, ...] = ()

    @property
    def iterations(self) -> int:
        """The iterations of the whole training."""
        return -(-self.settings.epochs * len(self.images) // self.settings.batch_size)

    def update_core(self) -> None:
        """Do one iteration; `observed` then has its observations, averaged over the ranks."""
        self._set_learning_rates()
        observed = self._update_networks()
        average_persistents(self.networks.critic, self.communicator)
        half_life = min(HALF_LIFE, RAMP_UP * (self.iteration + 1) * self.settings.batch_size)
        half_lives = self.settings.batch_size / half_life
        follow(self.networks.average, self.networks.upsampler, half_lives)
        means = average_over_ranks(observed, self.communicator)
        self.observed = dict(zip(OBSERVED, means, strict=True))

    def _set_learning_rates(self) -> None:
        done = self.iteration / self.iterations
        fallen = min(max(done - CONSTANT, 0) / (1 - CONSTANT), 1)
        rate = self.settings.learning_rate * (1 - (1 - LAST_RATE) * fallen)
        self.get_optimizer("generator").alpha = rate
        self.get_optimizer("discriminator").alpha = rate / 2

    def _update_networks(self) -> tuple[Any, ...]:
        """Update the networks; return this rank's values of `OBSERVED`."""
        settings, upsampler = self.settings, self.networks.upsampler
        rank = self.communicator.rank
        randomness = self.source(self.xp, UPSAMPLING, self.seed, self.iteration, rank)
        indices = self.get_iterator("main").next()
        width = min(settings.crop, self.images.shape[1])
        real = crops_of(self.images, indices, width, upsampler.factor, randomness)
        small = average_squares(upsampler.factor, real)
        small = degrade(small, settings.degradation, randomness)
        details = self.details[self.xp.asarray(indices)]
        enlarged = upsampler.enlarge(small, details, randomness)
        image = enlarged.images

        loss_pixels = pixel_loss(image, real)
        loss = loss_pixels + TEXTURE * texture_loss(image, real)
        loss += LOGITS * logit_loss(enlarged, real)
        loss_value, of_critic = loss.array, (0.0, 0.0, 0.0)
        used = settings.adversarial_weight > 0 and self.iteration >= SUPERVISED * self.iterations
        if used:
            of_critic = self._update_critic(real, image.array, details)
            adversarial = settings.adversarial_weight * LOSSES["hinge"].generator(
                self.networks.critic(image, details)
            )
            loss_value = loss_value + adversarial.array
            # Only with respect to the image: the critic's weights need no gradient here.
            (gradient,) = chainer.grad([adversarial], [image])
            loss += F.sum(gradient.array * image)
        upsampler.cleargrads()
        loss.backward()
        self.get_optimizer("generator").update()
        self.updated = ("generator", "discriminator") if used else ("generator",)
        return (loss_value, *of_critic, loss_pixels.array)

    def _update_critic(self, real: Any, generated: Any, details: Any) -> tuple[Any, Any, Any]:
        """Update it; return its loss and the mean scores of real and generated images."""
        # As one batch: no layer mixes images.
        details = self.xp.concatenate([details, details])
        scores = self.networks.critic(self.xp.concatenate([real, generated]), details)
        score_real, score_generated = F.split_axis(scores, 2, axis=0)
        loss = LOSSES["hinge"].discriminator(score_real, score_generated)
        self.networks.critic.cleargrads()
        loss.backward()
        self.get_optimizer("discriminator").update()
        return loss.array, score_real.array.mean(), score_generated.array.mean()

    def serialize(self, serializer: Any) -> None:
        """Write or read everything that the next iteration depends on."""
        super().serialize(serializer)
        self.networks.average.serialize(serializer["moving_average"])


def pixel_loss(images: Any, real: Any) -> Any:
    """Return the mean absolute difference of half-size averages, plus 0.3 times that at full size.

    Both are (N, 1, W, W).
    """
    difference = images - real
    averages = area_reduction(difference, 2)
    return F.mean(F.absolute(averages)) + FULL_SIZE * F.mean(F.absolute(difference))


def texture_loss(images: Any, real: Any) -> Any:
    """Return how much edges and texture differ in strength and in distribution.

    Both are (N, 1, W, W), `real` an array. They are compared by their responses to each of
    `FILTERS`, at full and at half size. The strength is the mean absolute response of 8 x 8 pixels:
    where in them a line lies makes no difference (as in the statistics of Gatys et al., 2015,
    "Texture synthesis using convolutional neural networks"). The distribution is that of the
    responses of a whole image (Wasserstein distance; Heitz et al., 2021, "A sliced Wasserstein loss
    for neural texture synthesis"): real texture is a few strong lines between smooth areas, and the
    same strength can also be had by weak noise everywhere.
    """
    both = [images, real]
    loss = 0.0
    for side in (WINDOW, WINDOW // 2):
        ours, theirs = (responses(image) for image in both)
        strengths = [area_reduction(F.absolute(each), side) for each in (ours, theirs)]
        loss += F.mean(F.absolute(strengths[0] - strengths[1].array))
        loss += DISTRIBUTION * F.mean(F.absolute(ours - matched(theirs.array, ours.array)))
        both = [area_reduction(image, 2) for image in both]
    return loss


def responses(image: Any) -> Any:
    """Return the responses of (N, 1, W, W) to `FILTERS`: (N, filters, W, W).

    The border's pixels are repeated, so that the border is no edge.
    """
    xp = chainer.backend.get_array_module(image)
    filters = xp.asarray(FILTERS)[:, None]
    padded = F.concat([image[:, :, :1], image, image[:, :, -1:]], axis=2)
    padded = F.concat([padded[..., :1], padded, padded[..., -1:]], axis=3)
    return convolution(padded, filters, None, 1, 0)


def matched(values: Any, places: Any) -> Any:
    """Return the values of each image and channel in the order of those of `places`.

    Both are arrays (N, C, H, W). The largest value is put where `places` has its largest, and so
    on. The mean absolute difference to `places` is then the Wasserstein distance of both.
    """
    xp = chainer.backend.get_array_module(values)
    rows = (values.shape[0] * values.shape[1], -1)
    values_of, places_of = values.reshape(rows), places.reshape(rows)
    result = xp.empty(values_of.shape, values.dtype)

    def match(some: slice) -> None:
        order = order_of(places_of[some])
        result[some][xp.arange(len(order))[:, None], order] = xp.sort(values_of[some], axis=1)

    if on_cpu(values):
        # A row at a time stays in the cache.
        for_each(match, cut(len(result), 1))
    else:
        match(slice(None))
    return result.reshape(values.shape)


def order_of(values: Any) -> Any:
    """Return the places of the values of each row, float32 (rows, length), from the smallest on.

    Of equal values, the first comes first, on every processor. Sorting numbers that hold a value
    and its place is faster than NumPy's sort of places.
    """
    xp = chainer.backend.get_array_module(values)
    # Adding 0 makes 0 of -0. The bits of positive numbers are in their order, those of negative
    # ones in the opposite order.
    bits = (values + np.float32(0)).view(np.uint32)
    ordered = xp.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    keys = ordered.astype(np.uint64) << np.uint64(32)
    keys |= xp.arange(values.shape[1], dtype=np.uint64)
    return (xp.sort(keys, axis=1) & np.uint64(0xFFFFFFFF)).astype(np.int64)


def logit_loss(enlarged: Enlarged, real: Any) -> Any:
    """Return the cross-entropy of "not background", in nats a pixel.

    Black pixels inside the brain do not count as background.
    """
    inside = without_holes(real > -1).astype(real.dtype)
    logits = enlarged.logits
    return F.mean(F.softplus(logits) - inside * logits)


def make_upsampler_updater(
    training: Training,
    images: np.ndarray,
    communicator: Any,
    device: Any,
) -> UpsamplerUpdater:
    """Make the updater of an up-sampler's training at its start; all ranks must call it.

    The up-sampler enlarges images to the width of `images`, uint8 (N, W, W).
    """
    settings, seed = training.upsampler, training.seed
    networks = make_upsampler_networks(settings, seed, device)
    optimizers = {
        name: make_optimizer(
            Optimizer(
                learning_rate=settings.learning_rate, beta1=beta1, beta2=BETA2, weight_decay=0
            ),
            network,
            communicator,
        )
        for name, network, beta1 in (
            ("generator", networks.upsampler, BETA1),
            ("discriminator", networks.critic, BETA1_OF_CRITIC),
        )
    }
    batches = RankBatches(
        len(images), settings.batch_size, seed, communicator.rank, communicator.size
    )
    return UpsamplerUpdater(
        batches, images, networks, optimizers, settings, seed, communicator, device
    )


def make_upsampler_networks(
    settings: UpsamplerSettings, seed: int, device: Any
) -> UpsamplerNetworks:
    """Make the networks with their initial weights, which depend on the seed, on the device."""
    with seeded_initialisers(UPSAMPLER_INITIALISATION, seed):
        upsampler = Upsampler(settings.width, settings.factor)
        critic = PatchCritic()
    average = upsampler.copy(mode="copy")
    for network in (upsampler, critic, average):
        network.to_device(device)
    return UpsamplerNetworks(upsampler, critic, average)
