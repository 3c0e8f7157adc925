"""The distance between generated images and those of held-out subjects, during a training."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Training
from synaxial.evaluation.metrics import sliced_wasserstein
from synaxial.gan.networks.generator import generate_images
from synaxial.gan.networks.randomness import VALIDATION, ImageRandomness, draw_latents
from synaxial.gan.networks.saving import network_arrays
from synaxial.io.images import as_grey

#: Images generated at a time. Each batch is normalised separately, like a preview.
BATCH = 20


class Validation(chainer.training.Extension):
    """Chainer extension that measures the distance every few epochs and keeps the best generator.

    It is the sliced Wasserstein distance on a Laplacian pyramid, which needs no network and takes a
    second or two. It uses no random numbers of the training. The distances, and with `keep: best`
    the best generator, are in the checkpoint. `images` are those of `inputs.validation_images`.
    `whole` makes the network that makes full images of the trained one.
    """

    trigger = (1, "iteration")
    # Before the log, which writes the distance.
    priority = chainer.training.PRIORITY_WRITER

    def __init__(
        self,
        training: Training,
        images: NDArray[np.uint8],
        whole: Callable[[Any], Any] = lambda generator: generator,
    ) -> None:
        self.training = training
        self.whole = whole
        self.count = len(images)
        self.real = sliced_wasserstein.measure(images)
        self.distances: list[tuple[int, float]] = []
        self.weights: dict[str, np.ndarray] = {}

    def __call__(self, trainer: Any) -> None:
        """Measure the distance at the end of every `validation_epochs`-th epoch.

        The last epoch is no exception. Otherwise a training that is extended would have one
        measurement more than one that had all its epochs from the start.
        """
        updater, training = trainer.updater, self.training
        if (
            updater.is_new_epoch
            and updater.epoch % training.validation_epochs == 0
            and updater.is_grown
        ):
            generator = updater.networks.smoothed
            distance = self.distance_of(self.whole(generator))
            if self.best is None or distance < self.best[1]:
                self.weights = network_arrays(generator) if training.keep == "best" else {}
            self.distances.append((updater.epoch, distance))

    def distance_of(self, generator: Any) -> float:
        """Return the distance of generated images, from the same latents every time."""
        parts = []
        for first in range(0, self.count, BATCH):
            numbers = range(first, min(first + BATCH, self.count))
            # NumPy's numbers on every device, so that a resumed training has the same latents.
            names = [(VALIDATION, self.training.seed, number) for number in numbers]
            randomness = ImageRandomness(np, names)
            latents = generator.xp.asarray(
                draw_latents(randomness, len(numbers), self.training.latent)
            )
            noise = None
            if generator.needs_randomness:
                randomness.xp = generator.xp
                noise = randomness
            images = generate_images(generator, latents, noise, by_batch=True)
            parts.append(as_grey(images if images.shape[-1] == 3 else images[..., 0]))
        own = sliced_wasserstein.measure(np.concatenate(parts))
        return sliced_wasserstein.compare(own, self.real)[sliced_wasserstein.NAME]

    @property
    def best(self) -> tuple[int, float] | None:
        """The epoch with the smallest distance (the first if equal), and the distance."""
        return min(self.distances, key=lambda found: found[1]) if self.distances else None

    def exhausted(self) -> bool:
        """Return whether the last `patience` measurements brought no smaller distance."""
        if not self.training.patience or self.best is None:
            return False
        since = len(self.distances) - 1 - self.distances.index(self.best)
        return since >= self.training.patience

    def kept_generator(self, generator: Any) -> Any:
        """Return the generator to keep: a copy with the best weights, or the given one."""
        if not self.weights:
            return generator
        copy = generator.copy(mode="copy")
        chainer.serializers.NpzDeserializer(self.weights).load(copy)
        return copy

    def serialize(self, serializer: Any) -> None:
        """Write or read the distances and the best generator."""
        names = sorted(self.weights)
        state = json.dumps({"distances": self.distances, "names": names})
        found = json.loads(str(serializer("state", state)))
        self.distances = [(int(epoch), float(distance)) for epoch, distance in found["distances"]]
        self.weights = {
            name: np.asarray(serializer(f"best/{name}", self.weights.get(name)))
            for name in found["names"]
        }
