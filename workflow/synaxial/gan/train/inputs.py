"""What a training reads: its settings and its data, checked before it starts.

Nothing here imports Chainer, so that the workflow can call `check_batch`.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synaxial.config import check_networks, check_validation, read_study
from synaxial.config.model import Monitoring, Training, Upsampler
from synaxial.data.dataset.labels import labels_of
from synaxial.data.dataset.reading import (
    check_unseen,
    describe_images,
    open_images,
    open_masks,
    read_dataset,
)
from synaxial.evaluation.controls import evenly, half_of
from synaxial.gan.train.fingerprint import fingerprint_of, upsampler_fingerprint_of
from synaxial.io.errors import SynaxialError
from synaxial.io.files import read_json
from synaxial.io.images import ImageSet

#: The most held-out images that the generated ones are compared with.
VALIDATION_IMAGES = 200


@dataclass(frozen=True)
class Inputs:
    """The settings and the data of one training, and the name of its model.

    Images are uint8 (N, width, width), mapped from the disk; masks, of a generator's training with
    masks, have the values 0 and 255. A training with `keep: best` or `patience` has `held_out`
    images. The training of a coarse generator has the arrays of its `upsampler` by path. A training
    with conditions has the `labels` of the images, float32 (N, LABEL). The `description` of the
    data set is for run.json.
    """

    training: Training
    monitoring: Monitoring
    images: np.ndarray
    fingerprint: str
    part: Literal["generator", "upsampler"] = "generator"
    masks: NDArray[np.uint8] | None = None
    held_out: NDArray[np.uint8] | None = None
    upsampler: dict[str, NDArray[np.float32]] | None = None
    labels: NDArray[np.float32] | None = None
    description: dict[str, Any] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        """The number of epochs of the whole training."""
        return self._length.epochs

    @property
    def batch_size(self) -> int:
        """The number of images of an iteration, over all ranks."""
        return self._length.batch_size

    @property
    def iterations(self) -> int:
        """The number of iterations of the whole training."""
        return -(-self.epochs * len(self.images) // self.batch_size)

    @property
    def _length(self) -> Training | Upsampler:
        return self.training.upsampler if self.part == "upsampler" else self.training


def read_inputs(
    training: Training,
    monitoring: Monitoring,
    dataset: Path,
    held_out: Path | None,
    ranks: int,
    upsampler: Path | None = None,
) -> Inputs:
    """Read and check all that a generator's training on this number of ranks needs.

    `dataset` and `held_out` are folders of `synaxial data pack`; `upsampler` is the file of
    `synaxial upsampler train`, for a coarse generator.
    """
    check_batch(training, ranks)
    images = open_training_images(dataset, training.batch_size, "batch_size")
    description = describe_dataset(dataset, images, training)
    arrays, upsampler_sha256 = read_upsampler(upsampler, training)
    masks, masks_sha256 = read_masks(dataset, training)
    if masks is not None:
        description["masks_sha256"] = masks_sha256
    validation, held_out_sha256 = read_held_out(held_out, training, dataset, images.shape[1])
    labels = read_labels(dataset, training)
    fingerprint = fingerprint_of(
        training,
        description["sha256"],
        held_out_sha256,
        masks_sha256,
        upsampler_sha256 if training.validated else "",
        "" if labels is None else hashlib.sha256(labels.tobytes()).hexdigest(),
    )
    inputs = Inputs(
        *(training, monitoring, images, fingerprint, "generator"),
        masks=masks,
        held_out=validation,
        upsampler=arrays,
        labels=labels,
        description=description,
    )
    if training.discriminator_steps > inputs.iterations:
        raise SynaxialError(
            "discriminator_steps",
            f"is {training.discriminator_steps}, but there are {inputs.iterations} iterations",
            "at most as many as iterations, or the generator is never updated",
        )
    return inputs


def read_upsampler_inputs(
    training: Training, monitoring: Monitoring, dataset: Path, ranks: int
) -> Inputs:
    """Read and check all that an up-sampler's training on this number of ranks needs."""
    if not training.is_coarse_to_fine:
        raise SynaxialError("architecture", "is dcgan", "coarse_to_fine, which has an up-sampler")
    settings = training.upsampler
    check_share(settings.batch_size, ranks, "upsampler.batch_size")
    images = open_training_images(dataset, settings.batch_size, "upsampler.batch_size")
    description = describe_dataset(dataset, images, training)
    fingerprint = upsampler_fingerprint_of(training, description["sha256"])
    return Inputs(
        *(training, monitoring, images, fingerprint, "upsampler"), description=description
    )


def open_training_images(dataset: Path, batch_size: int, key: str) -> np.ndarray:
    """Open the images of a data set, which must fill a batch."""
    images = open_images(dataset / "images.npy")
    if batch_size > len(images):
        raise SynaxialError(
            key,
            f"is {batch_size}, but {dataset} holds {len(images)} images",
            "at most as many, or a batch has the same image twice",
        )
    return images


def read_upsampler(
    path: Path | None, training: Training
) -> tuple[dict[str, NDArray[np.float32]] | None, str]:
    """Return the arrays of an up-sampler by path, and their SHA-256, if there is to be one."""
    if not training.is_coarse_to_fine:
        if path is not None:
            raise SynaxialError(
                "--upsampler", f"is {path}, but the architecture is dcgan", "no up-sampler"
            )
        return None, ""
    if path is None:
        raise SynaxialError(
            "--upsampler",
            "is not given",
            "the upsampler.npz of `synaxial upsampler train`, for a coarse generator",
        )
    # Imported late: the workflow asks this module about batches, and does not need Chainer.
    from synaxial.gan.networks.saving import (  # noqa: PLC0415
        digest_of,
        load_upsampler,
        network_arrays,
    )

    network = load_upsampler(path)
    wanted = training.upsampler.factor, training.upsampler.width
    found = network.factor, network.width
    if found != wanted:
        raise SynaxialError(
            path,
            "has factor {} and width {}".format(*found),
            "factor {} and width {}, as in the study".format(*wanted),
        )
    # Not of the file, which holds settings that do not matter, such as the number of epochs.
    return network_arrays(network), digest_of(network)


def read_training(config: Path, experiment: str, seed: int | None) -> Training:
    """Return the settings of one training of a study; the first seed if none is given."""
    study = read_study(config)
    if experiment not in study.experiments:
        raise SynaxialError(
            "--experiment", f"{experiment!r}", f"one of {', '.join(study.experiments)}"
        )
    check_networks(study)
    settings = study.experiments[experiment]
    check_validation(settings, experiment)
    if seed is None:
        seed = settings.seeds[0]
    if seed not in settings.seeds:
        raise SynaxialError("--seed", f"{seed}", f"one of {', '.join(map(str, settings.seeds))}")
    return settings.with_seed(seed)


def check_batch(training: Training, ranks: int) -> None:
    """Check that the ranks can share a batch.

    Batch normalisation and the minibatch's deviation need two images on a rank: one image alone is
    normalised to 0.
    """
    share = check_share(training.batch_size, ranks, "batch_size")
    alone = training.batch_normalization_statistics == "local" or ranks == 1
    found = f"{training.batch_size} images over {ranks} ranks are one image per rank"
    if share == 1 and training.normalises_batches and alone:
        raise SynaxialError(
            "batch_size",
            found,
            "at least two images per rank with batch_normalization",
            "use fewer ranks, a larger batch_size, or with several ranks "
            "batch_normalization_statistics: synchronised",
        )
    if share == 1 and training.compares_batches:
        whose = (
            "the critic of architecture: coarse_to_fine"
            if training.is_coarse_to_fine
            else "discriminator.minibatch_deviation"
        )
        raise SynaxialError(
            "batch_size",
            found,
            f"at least two images per rank with {whose}",
            "use fewer ranks or a larger batch_size",
        )


def check_share(batch_size: int, ranks: int, key: str) -> int:
    """Return each rank's share of a batch; it must be a whole number of images."""
    share, rest = divmod(batch_size, ranks)
    if rest:
        raise SynaxialError(
            key,
            f"{batch_size} images cannot be shared evenly among {ranks} ranks",
            "a multiple of the number of ranks",
        )
    return share


def describe_dataset(dataset: Path, images: np.ndarray, training: Training) -> dict[str, Any]:
    """Return a data set's description, if it describes these images and they fit the networks."""
    description = describe_images(dataset)
    width = training.image_width
    if images.shape[1] != width:
        raise SynaxialError(
            dataset / "images.npy",
            f"its images are {images.shape[1]} pixels wide",
            f"{width}, the width of the generator's images",
        )
    return description


def read_masks(dataset: Path, training: Training) -> tuple[NDArray[np.uint8] | None, str]:
    """Return the masks and their file's SHA-256; None and "" for a training without masks."""
    if not training.masks:
        return None, ""
    masks = open_masks(dataset)
    return masks, str(read_json(dataset / "masks.json")["sha256"])


def read_labels(dataset: Path, training: Training) -> NDArray[np.float32] | None:
    """Return the labels of the images of a training with conditions, float32 (N, LABEL)."""
    if not training.conditions:
        return None
    _, rows = read_dataset(dataset)
    unknown = {row["subject"] for row in rows if row["tumour_area"] == ""}
    if "tumour" in training.conditions and unknown:
        raise SynaxialError(
            dataset / "index.csv",
            f"has {len(unknown)} subjects without a segmentation, such as {min(unknown)}",
            "one for each subject, because of conditions: [tumour]",
            "leave them out of acquire.subjects, or give no condition on the tumour",
        )
    return labels_of(rows)


def read_held_out(
    folder: Path | None, training: Training, dataset: Path, width: int
) -> tuple[NDArray[np.uint8] | None, str]:
    """Return the held-out images to compare with, and their SHA-256; None and "" if not needed.

    `dataset` is that of the training, whose people must not be among them.
    """
    if not training.validated:
        return None, ""
    if folder is None:
        raise SynaxialError("--held-out", "is not given", "a data set, for keep: best and patience")
    check_unseen(folder, dataset)
    try:
        found = validation_images(read_dataset(folder)[0])
    except ValueError as error:
        raise SynaxialError(folder, f"is too small ({error})") from error
    if found.shape[1] != width:
        raise SynaxialError(
            folder,
            f"its images are {found.shape[1]} pixels wide",
            f"{width}, as the training images",
        )
    return found, hashlib.sha256(found.tobytes()).hexdigest()


def validation_images(held_out: ImageSet) -> NDArray[np.uint8]:
    """Return the held-out images that generated ones are compared with during a training.

    They belong to the half of the held-out subjects that the evaluation calls `real`. The other
    half, its reference, takes no part in the training, so that it can judge the result. Fewer than
    four subjects are a ValueError.
    """
    half = half_of(held_out, 1)
    chosen = evenly(half, min(VALIDATION_IMAGES, len(half)))
    return np.ascontiguousarray(held_out.pixels[chosen])
