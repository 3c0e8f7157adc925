"""A trained network as one file, with the settings that made it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Latent, Training
from synaxial.gan.networks.cascade import Cascade
from synaxial.gan.networks.coarse import CoarseGenerator
from synaxial.gan.networks.generator import Generator
from synaxial.gan.networks.layers import BatchNormalization
from synaxial.gan.networks.randomness import CALIBRATION, ImageRandomness, draw_latents
from synaxial.gan.networks.upsampler import Upsampler
from synaxial.io.arrays import read_arrays
from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole

#: The name of the experiment's settings in a file, beside the arrays of the network.
SETTINGS_KEY = "settings"

#: The settings that are needed to make images with a generator.
NEEDED_SETTINGS = (
    *("architecture", "latent", "masks", "conditions"),
    *("generator", "initial_deviation", "coarse", "upsampler"),
)

#: The prefix of calibrated statistics in a file.
CALIBRATED = "calibrated/"

#: The latents that calibrate batch normalisation: the number of batches, and their size.
CALIBRATION_BATCHES, CALIBRATION_BATCH_SIZE = 5, 40


@dataclass(frozen=True)
class TrainedGenerator:
    """The content of a generator's file.

    `masks` says whether the second channel is a mask; `settings` are all settings of the training,
    as they were written. `calibrated` are statistics for images without dropout, in place of the
    network's running ones: float32 arrays by path, none without batch normalisation.
    """

    network: Any
    latent: Latent
    masks: bool
    settings: dict[str, Any]
    calibrated: dict[str, np.ndarray]

    def with_calibrated_statistics(self) -> Any:
        """Return a copy of the network with the calibrated statistics."""
        copy = self.network.copy(mode="copy")
        arrays = network_arrays(self.network) | self.calibrated
        chainer.serializers.NpzDeserializer(arrays).load(copy)
        return copy


def save_network(
    network: Any,
    training: Training,
    path: Path,
    calibrated: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write a network's arrays and settings, and the `calibrated` statistics of a generator."""
    arrays = network_arrays(network)
    arrays |= {f"{CALIBRATED}{name}": array for name, array in (calibrated or {}).items()}
    settings = np.array(training.model_dump_json())
    with written_whole(path) as partial:
        np.savez(partial, allow_pickle=False, **{SETTINGS_KEY: settings}, **arrays)


def network_arrays(network: Any) -> dict[str, np.ndarray]:
    """Return the network's parameters and persistent values by path, on the host."""
    serializer = chainer.serializers.DictionarySerializer()
    serializer.save(network)
    return {name: np.asarray(value) for name, value in sorted(serializer.target.items())}


def digest_of(network: Any) -> str:
    """Return the SHA-256 of a network's arrays with their names, types and shapes."""
    digest = hashlib.sha256()
    for name, array in network_arrays(network).items():
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def make_generator(training: Training) -> Any:
    """Make the generator of a training, with the weights with which a training starts."""
    if not training.is_coarse_to_fine:
        return Generator(training.generator, training.latent.size, training.initial_deviation)
    channels = training.image_channels
    coarse = CoarseGenerator(training.coarse, training.latent.size, channels, training.conditions)
    return Cascade(coarse, make_upsampler(training))


def make_upsampler(training: Training) -> Upsampler:
    """Make the up-sampler of a coarse-to-fine training, with random weights."""
    return Upsampler(training.upsampler.width, training.upsampler.factor)


def load_upsampler(path: Path) -> Upsampler:
    """Read an up-sampler that `save_network` wrote, and check it: a user may give another file."""
    arrays = read_arrays(path)
    try:
        network = make_upsampler(read_settings(arrays)[0])
        check_shapes(arrays, network_arrays(network))
        chainer.serializers.NpzDeserializer(arrays).load(network)
    except (KeyError, TypeError, ValueError) as error:
        raise SynaxialError(
            path,
            f"does not hold an up-sampler ({error})",
            "an upsampler.npz of `synaxial upsampler train` of this version",
        ) from error
    return network


def read_settings(arrays: dict[str, np.ndarray]) -> tuple[Training, dict[str, Any]]:
    """Take the settings out of a file's arrays: those that its network needs, and all of them."""
    settings = json.loads(str(arrays.pop(SETTINGS_KEY)[()]))
    return training_in(settings), settings


def training_in(settings: dict[str, Any]) -> Training:
    """Take those of a training's written settings that its generator needs."""
    # Other settings may have become invalid since, but the network does not need them.
    return Training.model_validate(
        {key: settings[key] for key in NEEDED_SETTINGS if key in settings}
    )


def load_generator(path: Path) -> TrainedGenerator:
    """Read a generator that `save_network` wrote, and check it: a user may give another file."""
    arrays = read_arrays(path)
    try:
        training, settings = read_settings(arrays)
        generator = make_generator(training.model_copy(update={"initial_deviation": 0.0}))
        check_shapes(arrays, network_arrays(generator))
        statistics = statistics_of(generator)
        calibrated = {name: arrays[f"{CALIBRATED}{name}"] for name in statistics}
        check_shapes(calibrated, statistics)
        chainer.serializers.NpzDeserializer(arrays).load(generator)
    except (KeyError, TypeError, ValueError) as error:
        raise SynaxialError(
            path,
            f"does not hold a generator ({error})",
            "a generator.npz of `synaxial train` of this version",
        ) from error
    return TrainedGenerator(generator, training.latent, training.masks, settings, calibrated)


def calibrate(generator: Any, latent: Latent) -> dict[str, np.ndarray]:
    """Return the statistics of a generator over a fixed set of latents, without dropout.

    Dropout increases the variance of what follows, so statistics measured with it do not fit images
    made without it (Li et al., 2019, "variance shift"). The mean over a few batches, each
    normalised by itself, are the standing statistics of Brock et al., 2019. The generator is not
    changed.
    """
    if not generator.batch_normalization:
        return {}
    copy = generator.copy(mode="copy")
    for batch in range(CALIBRATION_BATCHES):
        for normalization in copy.normalizations:
            # With this decay, the running mean is the plain mean over the batches so far.
            normalization.decay = batch / (batch + 1)
        names = [(CALIBRATION, batch, i) for i in range(CALIBRATION_BATCH_SIZE)]
        randomness = ImageRandomness(copy.xp, names)
        latents = draw_latents(randomness, CALIBRATION_BATCH_SIZE, latent)
        with chainer.using_config("train", True), chainer.no_backprop_mode():
            copy(latents)
    return statistics_of(copy)


def statistics_of(network: Any) -> dict[str, np.ndarray]:
    """Return the running statistics of a generator's batch normalisation by path."""
    paths = [
        f"{path.removeprefix('/')}/{name}"
        for path, link in network.namedlinks()
        if isinstance(link, BatchNormalization)
        for name in ("avg_mean", "avg_var")
    ]
    arrays = network_arrays(network)
    return {path: arrays[path] for path in paths}


def check_shapes(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Raise a KeyError or ValueError if a network should not load these arrays.

    Chainer would broadcast one of length 1.
    """
    for name, array in expected.items():
        if found[name].shape != array.shape:
            raise ValueError(f"{name} has the shape {found[name].shape}, not {array.shape}")
        if not np.isfinite(found[name]).all():
            raise ValueError(f"{name} has NaN or infinite values")
