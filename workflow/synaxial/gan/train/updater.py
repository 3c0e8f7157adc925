"""One iteration of the adversarial training."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Training
from synaxial.gan.networks import Discriminator, Generator
from synaxial.gan.networks.randomness import TRAINING, BatchRandomness, draw_latents
from synaxial.gan.ops.ranks import Ranks, one_batch
from synaxial.gan.train.augmentation import AdaptiveProbability, augment
from synaxial.gan.train.batches import RankBatches
from synaxial.gan.train.communication import average_persistents
from synaxial.gan.train.losses import LOSSES
from synaxial.gan.train.moving_average import MovingAverage
from synaxial.gan.train.penalties import clip_weights, gradient_penalty, real_penalty


@dataclass(frozen=True)
class Networks:
    """The two networks, and the generator that samples are made with.

    `smoothed` is the moving average of `generator`, or `generator` itself.
    """

    generator: Generator
    discriminator: Discriminator
    average: MovingAverage | None

    @property
    def smoothed(self) -> Generator:
        """The generator that samples are made with."""
        return self.generator if self.average is None else self.average.network


#: What an iteration observes, in the order of the vector that the ranks average. The penalty is
#: that part of the discriminator's loss; the sign is the mean one of the real images' scores, and
#: the augmentation the probability that it had.
OBSERVED = (
    "loss_generator",
    "loss_discriminator",
    "score_real",
    "score_generated",
    "penalty",
    "sign_real",
    "augmentation",
)


class AdversarialUpdater(chainer.training.updaters.StandardUpdater):
    """One update of the discriminator, then one of the generator, on the same latents.

    With `discriminator_steps` the generator is updated in every so manieth iteration only. The
    discriminator sees the real and the generated images as two batches, as in ChainerMN's DCGAN
    example, so that its batch normalisation does not mix them.

    Parameters
    ----------
    batches
        This rank's indices of images.
    images
        The dataset, uint8 (N, width, width).
    networks
        What is trained.
    optimizers
        By the names `generator` and `discriminator`.
    training
        The experiment's settings.
    communicator
        ChainerMN's.
    device
        This rank's Chainer device.
    """

    def __init__(
        self,
        batches: RankBatches,
        images: np.ndarray,
        networks: Networks,
        optimizers: dict[str, Any],
        training: Training,
        communicator: Any,
        device: Any,
    ) -> None:
        super().__init__(batches, optimizers, device=device)
        self.images = images
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
        self.observed: dict[str, float] = {}
        #: The networks that the last iteration updated.
        self.updated: tuple[str, ...] = ()

    def update_core(self) -> None:
        """Do one iteration and leave what it observed, averaged over ranks, in `observed`."""
        with one_batch(self.ranks):
            observed = self._update_networks()
        average_persistents(self.networks.generator, self.communicator)
        average_persistents(self.networks.discriminator, self.communicator)
        if self.networks.average is not None:
            self.networks.average.update(self.networks.generator)
        self.observed = self._average_over_ranks(*observed)
        self.probability.update(self.observed["sign_real"])

    def _update_networks(self) -> tuple[Any, ...]:
        """Update the networks once; return the values of `OBSERVED` on this rank."""
        training, rank = self.training, self.communicator.rank
        randomness = BatchRandomness(self.xp, TRAINING, training.seed, self.iteration, rank)
        real = self.real_images(self.get_iterator("main").next())
        latents = draw_latents(randomness, len(real), training.latent)
        of_generator = (self.iteration + 1) % training.discriminator_steps == 0
        with chainer.using_config("enable_backprop", of_generator):
            generated = self.networks.generator(latents, randomness)

        score_real, score_generated, loss_discriminator, penalty = self._update_discriminator(
            real, generated.array, randomness
        )
        if of_generator:
            loss_generator = self._update_generator(generated, randomness)
            self.updated = ("generator", "discriminator")
        else:
            loss_generator = self.loss.generator(score_generated)
            self.updated = ("discriminator",)

        signs = self.xp.sign(score_real.array)
        return (
            loss_generator.array,
            loss_discriminator.array,
            score_real.array.mean(),
            score_generated.array.mean(),
            0.0 if penalty is None else penalty.array,
            signs.mean(),
            self.probability.value,
        )

    def _update_discriminator(
        self, real: Any, generated: Any, randomness: BatchRandomness
    ) -> tuple[Any, Any, Any, Any]:
        """Update it; return the scores of real and generated images, the loss, and its penalty."""
        network = self.networks.discriminator
        # A leaf, at which R1 asks for the slope, through the augmentation (Karras et al., 2020).
        real = chainer.Variable(real, requires_grad=self._has_real_penalty())
        shown_real = self._shown(real, randomness)
        shown_generated = chainer.as_array(self._shown(generated, randomness))
        score_real = network(shown_real, randomness)
        score_generated = network(shown_generated, randomness)
        loss = self.loss.discriminator(score_real, score_generated)
        penalty = self._penalty(score_real, real, shown_real.array, shown_generated, randomness)
        if penalty is not None:
            loss += penalty
        network.cleargrads()
        loss.backward()
        self.get_optimizer("discriminator").update()
        if self.training.clipping > 0:
            clip_weights(network, self.training.clipping)
        return score_real, score_generated, loss, penalty

    def _has_real_penalty(self) -> bool:
        """Whether this iteration has R1, which is as heavy as it is rare (Karras et al., 2020)."""
        return self.training.r1 > 0 and self.iteration % self.training.r1_interval == 0

    def _penalty(
        self,
        score_real: Any,
        real: Any,
        shown_real: Any,
        shown_generated: Any,
        randomness: BatchRandomness,
    ) -> Any:
        """Return what the settings add to the discriminator's loss, or None."""
        training = self.training
        terms = []
        if training.gradient_penalty > 0:
            shares = randomness.uniform((len(shown_real), 1, 1, 1))
            slope = gradient_penalty(
                lambda images: self.networks.discriminator(images, randomness),
                *(shown_real, shown_generated, shares),
            )
            terms.append(training.gradient_penalty * slope)
        if self._has_real_penalty():
            weight = training.r1 * training.r1_interval
            terms.append(weight * real_penalty(score_real, real))
        return sum(terms[1:], terms[0]) if terms else None

    def _update_generator(self, generated: Any, randomness: BatchRandomness) -> Any:
        """Update it; return its loss."""
        networks = self.networks
        shown = self._shown(generated, randomness)
        loss = self.loss.generator(networks.discriminator(shown, randomness))
        networks.generator.cleargrads()
        # Only along the way to the image: the discriminator's weight gradients are not needed.
        (generated.grad_var,) = chainer.grad([loss], [generated])
        generated.backward()
        self.get_optimizer("generator").update()
        return loss

    def _shown(self, images: Any, randomness: BatchRandomness) -> Any:
        """Return images, an array or a Variable, as the discriminator sees them."""
        settings = self.training.augmentation
        if not settings.used:
            return images
        value_range = self.networks.generator.output_range
        return augment(images, settings, self.probability.value, randomness, value_range)

    def real_images(self, indices: np.ndarray) -> Any:
        """Return the images as the generator makes them: float32 (n, channels, width, width)."""
        low, high = self.networks.generator.output_range
        grey = self.xp.asarray(self.images[indices]).astype(np.float32)
        grey *= np.float32((high - low) / 255)
        grey += np.float32(low)
        channels = self.training.generator.channels[-1]
        return self.xp.repeat(grey[:, None], channels, axis=1)

    def _average_over_ranks(self, *values: Any) -> dict[str, float]:
        local = np.array([float(value) for value in values])
        total = np.empty_like(local)
        self.communicator.mpi_comm.Allreduce(local, total)
        return dict(zip(OBSERVED, (total / self.communicator.size).tolist(), strict=True))

    def serialize(self, serializer: Any) -> None:
        """Write or read all that the next iteration depends on."""
        super().serialize(serializer)
        if self.training.augmentation.used:
            self.probability.serialize(serializer["augmentation"])
        if self.networks.average is not None:
            self.networks.average.network.serialize(serializer["moving_average"])


def gradient_norm(network: Any) -> float:
    """Return the Euclidean norm of a network's last gradient, with Adam without weight decay."""
    gradients = [p.grad.ravel() for p in network.params() if p.grad is not None]
    return float(np.sqrt(sum(float(gradient @ gradient) for gradient in gradients)))
