"""How near the generator's images are to those of held-out subjects, as the training goes on."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Training
from synaxial.evaluation.control_sets import evenly, half_of
from synaxial.evaluation.metrics import sliced_wasserstein
from synaxial.gan.generate import generate_images
from synaxial.gan.networks.randomness import VALIDATION, ImageRandomness, draw_latents
from synaxial.gan.networks.saving import network_arrays
from synaxial.io.images import ImageSet, as_grey

#: So many images of each side at most.
IMAGES = 200

#: Images made at a time, normalised by themselves as those of a preview.
BATCH = 20


def validation_images(held_out: ImageSet) -> NDArray[np.uint8]:
    """Return what generated images are held against: uint8 (N, S, S), N at most `IMAGES`.

    They are of the half of the held-out subjects that `synaxial evaluate score` calls `real`,
    and never of its reference: what chose a generator cannot judge it.
    """
    half = half_of(held_out, 1)
    chosen = evenly(half, min(IMAGES, len(half)))
    return np.ascontiguousarray(held_out.pixels[chosen])


class Validation(chainer.training.Extension):
    """Chainer extension that looks at the distance every few epochs and remembers the best.

    The distance is the sliced Wasserstein distance on a Laplacian pyramid: it needs no network
    and a second or two. Its images take no randomness from the training. The looks, and with
    `keep: best` the best generator, are in the checkpoint.

    Parameters
    ----------
    training
        The experiment's settings.
    images
        Of `validation_images`.
    """

    trigger = (1, "iteration")
    # Before the log, which writes the distance down.
    priority = chainer.training.PRIORITY_WRITER

    def __init__(self, training: Training, images: NDArray[np.uint8]) -> None:
        self.training = training
        self.count = len(images)
        self.real = sliced_wasserstein.measure(images)
        self.looks: list[tuple[int, float]] = []
        self.best: dict[str, np.ndarray] = {}

    def __call__(self, trainer: Any) -> None:
        """Look, at the end of an epoch that is one of the few.

        Not at the last one by itself: a training that goes on from there would have looked once
        more than one that went on at once.
        """
        updater, training = trainer.updater, self.training
        if updater.is_new_epoch and updater.epoch % training.validation_epochs == 0:
            generator = updater.networks.smoothed
            distance = self.distance_of(generator)
            if not self.looks or distance < min(value for _, value in self.looks):
                self.best = network_arrays(generator) if training.keep == "best" else {}
            self.looks.append((updater.epoch, distance))

    def distance_of(self, generator: Any) -> float:
        """Return the distance of as many generated images, of the same latents every time."""
        parts = []
        for first in range(0, self.count, BATCH):
            numbers = range(first, min(first + BATCH, self.count))
            # NumPy's numbers on every device: the same latents wherever the training goes on.
            names = [(VALIDATION, self.training.seed, number) for number in numbers]
            latents = draw_latents(ImageRandomness(np, names), len(numbers), self.training.latent)
            images = generate_images(generator, generator.xp.asarray(latents), by_batch=True)
            parts.append(as_grey(images if images.shape[-1] == 3 else images[..., 0]))
        own = sliced_wasserstein.measure(np.concatenate(parts))
        return sliced_wasserstein.compare(own, self.real)[sliced_wasserstein.NAME]

    def distance_at(self, epoch: int) -> float | None:
        """Return the distance that an epoch ended with; None if nobody looked."""
        return dict(self.looks).get(epoch)

    @property
    def best_look(self) -> tuple[int, float] | None:
        """The epoch with the smallest distance, the first of equal ones, and the distance."""
        return min(self.looks, key=lambda look: look[1]) if self.looks else None

    def exhausted(self) -> bool:
        """Tell whether there were `patience` looks in a row without a smaller distance."""
        if not self.training.patience or self.best_look is None:
            return False
        since = len(self.looks) - 1 - self.looks.index(self.best_look)
        return since >= self.training.patience

    def kept_generator(self, generator: Any) -> Any:
        """Return the generator that the study keeps: the one given, or a copy as it was best."""
        if not self.best:
            return generator
        copy = generator.copy(mode="copy")
        chainer.serializers.NpzDeserializer(self.best).load(copy)
        return copy

    def serialize(self, serializer: Any) -> None:
        """Write or read the looks and the best generator."""
        names = sorted(self.best)
        state = json.dumps({"looks": self.looks, "names": names})
        found = json.loads(str(serializer("state", state)))
        self.looks = [(int(epoch), float(distance)) for epoch, distance in found["looks"]]
        self.best = {
            name: np.asarray(serializer(f"best/{name}", self.best.get(name)))
            for name in found["names"]
        }
