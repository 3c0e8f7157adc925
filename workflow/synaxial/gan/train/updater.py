"""One iteration of the adversarial training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Training
from synaxial.data.dataset.labels import mirrored
from synaxial.gan.networks import Discriminator, Generator
from synaxial.gan.networks.coarse import Growth
from synaxial.gan.networks.layers import running_values
from synaxial.gan.networks.randomness import TRAINING, VARIATION, BatchRandomness, draw_latents
from synaxial.gan.ops.ranks import Ranks, one_batch
from synaxial.gan.train.augmentation import AdaptiveProbability, augment, with_few_masks
from synaxial.gan.train.batches import RankBatches
from synaxial.gan.train.communication import average_over_ranks, average_persistents
from synaxial.gan.train.growth import faded, growth_at, reduced, set_growth
from synaxial.gan.train.losses import LOSSES, clip_weights, gradient_penalty, real_penalty
from synaxial.gan.train.variation import NUMBERS, are_mirrored, vary

#: What an iteration observes, in the order of the vector that the ranks average. `penalty` is part
#: of the discriminator's loss, `sign_real` the mean sign of the scores of real images, and
#: `augmentation` the probability of augmentation.
OBSERVED = (
    "loss_generator",
    "loss_discriminator",
    "score_real",
    "score_generated",
    "penalty",
    "sign_real",
    "augmentation",
)


def follow(average: Generator, generator: Generator, half_lives: float) -> None:
    """Update a moving average of a generator's weights (Karras et al., 2018) and statistics.

    After one half-life, half of the average is newer.
    """
    kept = 0.5**half_lives
    followed = dict(averaged_arrays(generator))
    for name, array in averaged_arrays(average):
        new = followed[name]
        array[...] = array * new.dtype.type(kept) + new * new.dtype.type(1 - kept)


def averaged_arrays(network: Any) -> list[tuple[str, Any]]:
    """Return a network's parameters and running statistics, by path."""
    parameters = [(name, parameter.array) for name, parameter in network.namedparams()]
    return parameters + running_values(network)


@dataclass(frozen=True)
class Networks:
    """The two networks, and the moving average of the generator, if there is one."""

    generator: Generator
    discriminator: Discriminator
    average: Generator | None

    @property
    def smoothed(self) -> Generator:
        """The generator that makes the samples: the moving average, or the generator itself."""
        return self.generator if self.average is None else self.average


class AdversarialUpdater(chainer.training.updaters.StandardUpdater):
    """One update of the discriminator, then one of the generator, on the same latents.

    With `discriminator_steps` of k, only every k-th iteration updates the generator. The paper's
    discriminator scores real and generated images as two batches, as in ChainerMN's DCGAN example,
    so that batch normalisation does not mix them.

    `images` are the data set, uint8 (N, width, width); so are the `masks` of a training with masks,
    0 and 255. The networks then see pairs: channel 0 is the image, channel 1 the mask. With
    conditions, `labels` are those of the images, float32 (N, LABEL); a generated image is asked for
    what a real one of the batch shows.
    """

    #: The class that draws the random numbers of an iteration.
    source = BatchRandomness

    def __init__(
        self,
        batches: RankBatches,
        images: np.ndarray,
        networks: Networks,
        optimizers: dict[str, Any],
        training: Training,
        communicator: Any,
        device: Any,
        masks: np.ndarray | None = None,
        labels: np.ndarray | None = None,
    ) -> None:
        super().__init__(batches, optimizers, device=device)
        self.images = images
        self.masks = masks
        self.labels = labels
        self.networks = networks
        self.training = training
        self.loss = LOSSES[training.loss]
        self.communicator = communicator
        self.xp = device.xp
        synchronised = training.batch_normalization_statistics == "synchronised"
        self.ranks = (
            Ranks(communicator.mpi_comm) if synchronised and communicator.size > 1 else None
        )
        self.probability = AdaptiveProbability(training.augmentation, training.batch_size)
        #: The width of the images and the share of its newest stage; None for a DCGAN.
        self.growth: Growth | None = None
        self._grow()
        self.observed: dict[str, float] = {}
        #: The networks that the last iteration updated.
        self.updated: tuple[str, ...] = ()

    def update_core(self) -> None:
        """Do one iteration; `observed` then has its observations, averaged over the ranks."""
        self._grow()
        with one_batch(self.ranks):
            observed = self._update_networks()
        average_persistents(self.networks.generator, self.communicator)
        average_persistents(self.networks.discriminator, self.communicator)
        if self.networks.average is not None:
            half_lives = self.training.batch_size / self.training.moving_average_images
            follow(self.networks.average, self.networks.generator, half_lives)
        means = average_over_ranks(observed, self.communicator)
        self.observed = dict(zip(OBSERVED, means, strict=True))
        self.probability.update(self.observed["sign_real"])

    def _grow(self) -> None:
        """Set the networks to the width of the next iteration."""
        if self.training.is_coarse_to_fine:
            self.growth = growth_at(self.training.coarse, self.epoch_detail)
            set_growth(self.networks, self.growth)

    @property
    def is_grown(self) -> bool:
        """Whether the networks have all their stages."""
        return self.growth is None or self.growth == Growth(self.training.coarse.width)

    def _update_networks(self) -> tuple[Any, ...]:
        """Update the networks; return this rank's values of `OBSERVED`."""
        training, rank = self.training, self.communicator.rank
        randomness = self.source(self.xp, TRAINING, training.seed, self.iteration, rank)
        indices = self.get_iterator("main").next()
        real, labels = self.real_images(indices), self.labels_of(indices)
        asked: tuple[Any, ...] = ()
        features: tuple[Any, ...] = ()
        if labels is not None:
            conditions = self.networks.generator.conditions
            asked, features = (labels,), (self.xp.asarray(conditions.features_of(labels)),)
        latents = draw_latents(randomness, len(real), training.latent)
        of_generator = (self.iteration + 1) % training.discriminator_steps == 0
        with chainer.using_config("enable_backprop", of_generator):
            generated = self.networks.generator(latents, randomness, *asked)

        score_real, score_generated, loss_discriminator, penalty = self._update_discriminator(
            real, generated.array, randomness, features
        )
        if of_generator:
            loss_generator = self._update_generator(generated, randomness, features)
            self.updated = ("generator", "discriminator")
        else:
            loss_generator = self.loss.generator(score_generated)
            self.updated = ("discriminator",)

        return (
            loss_generator.array,
            loss_discriminator.array,
            score_real.array.mean(),
            score_generated.array.mean(),
            0.0 if penalty is None else penalty.array,
            self.xp.sign(score_real.array).mean(),
            self.probability.value,
        )

    def _update_discriminator(
        self, real: Any, generated: Any, randomness: BatchRandomness, features: tuple[Any, ...]
    ) -> tuple[Any, Any, Any, Any]:
        """Update it; return the scores of real and generated images, the loss, and the penalty."""
        network = self.networks.discriminator
        # R1 differentiates with respect to this leaf, through the augmentation (Karras et al.,
        # 2020).
        real = chainer.Variable(real, requires_grad=self._has_real_penalty())
        shown_real = self._shown(real, randomness)
        shown_generated = chainer.as_array(self._shown(generated, randomness))
        score_real, score_generated = self._scores(
            shown_real, shown_generated, randomness, features
        )
        loss = self.loss.discriminator(score_real, score_generated)
        penalty = self._penalty(
            score_real, real, shown_real.array, shown_generated, randomness, features
        )
        if penalty is not None:
            loss += penalty
        network.cleargrads()
        loss.backward()
        self.get_optimizer("discriminator").update()
        if self.training.clipping > 0:
            clip_weights(network, self.training.clipping)
        return score_real, score_generated, loss, penalty

    def _scores(
        self, real: Any, generated: Any, randomness: BatchRandomness, features: tuple[Any, ...]
    ) -> tuple[Any, Any]:
        """Score real images, given as a Variable, and generated ones, given as an array.

        In one call the critic takes less time per image. R1 needs the graph of the real images
        alone.
        """
        network = self.networks.discriminator
        if self._has_real_penalty() or not self.training.is_coarse_to_fine:
            return network(real, randomness, *features), network(generated, randomness, *features)
        images = self.xp.concatenate([real.array, generated])
        features = tuple(self.xp.concatenate([array, array]) for array in features)
        scores = network(images, randomness, *features, batches=2)
        real_scores, generated_scores = chainer.functions.split_axis(scores, 2, axis=0)
        return real_scores, generated_scores

    def _has_real_penalty(self) -> bool:
        """Return whether this iteration has R1, which is weighted by its interval."""
        return self.training.r1 > 0 and self.iteration % self.training.r1_interval == 0

    def _share_of_area(self) -> float:
        """Return the area of the images as a share of the final one.

        R1's weight grows with it (Karras et al., 2020, "Training Generative Adversarial Networks
        with Limited Data").
        """
        if self.growth is None:
            return 1.0
        return (self.growth.width / self.training.coarse.width) ** 2

    def _penalty(
        self,
        score_real: Any,
        real: Any,
        shown_real: Any,
        shown_generated: Any,
        randomness: BatchRandomness,
        features: tuple[Any, ...],
    ) -> Any:
        """Return the sum of the penalties on the discriminator, or None."""
        training = self.training
        terms = []
        if training.gradient_penalty > 0:
            shares = randomness.uniform((len(shown_real), 1, 1, 1))
            slope = gradient_penalty(
                lambda images: self.networks.discriminator(images, randomness, *features),
                *(shown_real, shown_generated, shares),
            )
            terms.append(training.gradient_penalty * slope)
        if self._has_real_penalty():
            weight = training.r1 * training.r1_interval * self._share_of_area()
            terms.append(weight * real_penalty(score_real, real))
        return sum(terms[1:], terms[0]) if terms else None

    def _update_generator(
        self, generated: Any, randomness: BatchRandomness, features: tuple[Any, ...]
    ) -> Any:
        """Update it; return its loss."""
        networks = self.networks
        shown = self._shown(generated, randomness)
        loss = self.loss.generator(networks.discriminator(shown, randomness, *features))
        networks.generator.cleargrads()
        # Only with respect to the images: the discriminator's weights need no gradient here.
        (generated.grad_var,) = chainer.grad([loss], [generated])
        generated.backward()
        self.get_optimizer("generator").update()
        return loss

    def _shown(self, images: Any, randomness: BatchRandomness) -> Any:
        """Return images, an array or a Variable, as the discriminator sees them."""
        shown = self._augmented(images, randomness)
        if self.masks is None or not self.training.is_coarse_to_fine:
            return shown
        return with_few_masks(shown, self.communicator.rank * len(shown))

    def _augmented(self, images: Any, randomness: BatchRandomness) -> Any:
        """Return images after this iteration's augmentation."""
        settings = self.training.augmentation
        if not settings.used:
            return images
        if "tumour" in self.training.conditions:
            # A mirror image has its tumour on the other side.
            kinds = [kind for kind in settings.kinds if kind != "flip"]
            settings = settings.model_copy(update={"kinds": kinds})
        value_range = self.networks.generator.output_range
        masks = self.masks is not None
        return augment(images, settings, self.probability.value, randomness, value_range, masks)

    def real_images(self, indices: np.ndarray) -> Any:
        """Return images in the generator's format: float32 (n, channels, width, width).

        Grey is repeated over the channels; in a training with masks, the mask is channel 1.
        """
        low, high = self.networks.generator.output_range
        channels = [self.images] if self.masks is None else [self.images, self.masks]
        pixels = np.stack([channel[indices] for channel in channels], axis=1)
        values = self.xp.asarray(self._presented(pixels), np.float32)
        values *= np.float32((high - low) / 255)
        values += np.float32(low)
        repeats = self.training.image_channels // len(channels)
        return self.xp.repeat(values, repeats, axis=1)

    def _presented(self, pixels: np.ndarray) -> np.ndarray:
        """Return real images, (n, C, W, W), varied and at the width of this iteration."""
        training, growth = self.training, self.growth
        if training.variation.used:
            numbers = self._variation_of(len(pixels))
            width = pixels.shape[-1] if growth is None else growth.width
            pixels = vary(pixels, training.variation, numbers, width)
            return pixels if growth is None else faded(pixels, growth)
        return pixels if growth is None else reduced(pixels, growth)

    def labels_of(self, indices: np.ndarray) -> NDArray[np.float32] | None:
        """Return the labels of the images that `real_images` returns in this iteration."""
        if self.labels is None:
            return None
        labels: NDArray[np.float32] = self.labels[indices]
        if not self.training.variation.used:
            return labels
        swapped = are_mirrored(self.training.variation, self._variation_of(len(indices)))
        return np.where(swapped[:, None], mirrored(labels), labels)

    def _variation_of(self, count: int) -> NDArray[np.float32]:
        """Return the numbers by which this iteration varies its real images."""
        name = (VARIATION, self.training.seed, self.iteration, self.communicator.rank)
        numbers: NDArray[np.float32] = BatchRandomness(np, *name).uniform((count, NUMBERS))
        return numbers

    def serialize(self, serializer: Any) -> None:
        """Write or read everything that the next iteration depends on."""
        super().serialize(serializer)
        if self.training.augmentation.used:
            self.probability.serialize(serializer["augmentation"])
        if self.networks.average is not None:
            self.networks.average.serialize(serializer["moving_average"])
        # The position is known only now.
        self._grow()


def gradient_norm(network: Any) -> float:
    """Return the Euclidean norm of a network's last gradient.

    With Adam it is without weight decay.
    """
    gradients = [p.grad.ravel() for p in network.params() if p.grad is not None]
    return float(np.sqrt(sum(float(gradient @ gradient) for gradient in gradients)))
