"""One iteration of the adversarial training."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from synaxial.chainer_compatibility import chainer
from synaxial.configuration.model import Training
from synaxial.functions.ranks import Ranks, one_batch
from synaxial.networks import Discriminator, Generator
from synaxial.networks.randomness import TRAINING, BatchRandomness, draw_latents
from synaxial.train.batches import RankBatches
from synaxial.train.communication import average_persistents
from synaxial.train.losses import LOSSES
from synaxial.train.moving_average import MovingAverage


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


#: What an iteration observes, in the order of the vector that the ranks average.
OBSERVED = ("loss_generator", "loss_discriminator", "score_real", "score_generated")


class AdversarialUpdater(chainer.training.updaters.StandardUpdater):
    """One update of the discriminator, then one of the generator, on the same latents.

    The discriminator sees the real and the generated images as two batches, as in ChainerMN's
    DCGAN example, so that its batch normalisation does not mix them.

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
        self.observed: dict[str, float] = {}

    def update_core(self) -> None:
        """Do one iteration and leave what it observed, averaged over ranks, in `observed`."""
        with one_batch(self.ranks):
            observed = self._update_networks()
        average_persistents(self.networks.generator, self.communicator)
        average_persistents(self.networks.discriminator, self.communicator)
        if self.networks.average is not None:
            self.networks.average.update(self.networks.generator)
        self.observed = self._average_over_ranks(*observed)

    def _update_networks(self) -> tuple[Any, ...]:
        """Update both networks once; return the values of `OBSERVED` on this rank."""
        networks, optimizers = self.networks, self.get_all_optimizers()
        training, rank = self.training, self.communicator.rank
        randomness = BatchRandomness(self.xp, TRAINING, training.seed, self.iteration, rank)
        real = self.real_images(self.get_iterator("main").next())

        latents = draw_latents(randomness, len(real), training.latent)
        generated = networks.generator(latents, randomness)

        score_real = networks.discriminator(real, randomness)
        score_generated = networks.discriminator(generated.array, randomness)
        loss_discriminator = self.loss.discriminator(score_real, score_generated)
        networks.discriminator.cleargrads()
        loss_discriminator.backward()
        optimizers["discriminator"].update()

        loss_generator = self.loss.generator(networks.discriminator(generated, randomness))
        networks.generator.cleargrads()
        # Only along the way to the image: the discriminator's weight gradients are not needed.
        (generated.grad_var,) = chainer.grad([loss_generator], [generated])
        generated.backward()
        optimizers["generator"].update()

        return (
            loss_generator.array,
            loss_discriminator.array,
            score_real.array.mean(),
            score_generated.array.mean(),
        )

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
        if self.networks.average is not None:
            self.networks.average.network.serialize(serializer["moving_average"])


def gradient_norm(network: Any) -> float:
    """Return the Euclidean norm of a network's last gradient, with Adam without weight decay."""
    gradients = [p.grad.ravel() for p in network.params() if p.grad is not None]
    return float(np.sqrt(sum(float(gradient @ gradient) for gradient in gradients)))
