"""A trained generator as one file that says what it is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Latent, Training
from synaxial.gan.networks.generator import Generator
from synaxial.gan.networks.layers import BatchNormalization
from synaxial.gan.networks.randomness import CALIBRATION, ImageRandomness, draw_latents
from synaxial.io.arrays import read_arrays
from synaxial.io.errors import SynaxialError
from synaxial.io.files import written_whole

#: Where a file keeps the settings of the experiment, beside the arrays of the network.
SETTINGS_KEY = "settings"

#: Those of them that say what the network is and how images are made with it.
NEEDED_SETTINGS = ("generator", "latent", "initial_deviation", "masks")

#: What precedes the names of calibrated statistics in a file.
CALIBRATED = "calibrated/"

#: The latents that calibrate batch normalisation: the number of batches, and their size.
CALIBRATION_BATCHES, CALIBRATION_BATCH_SIZE = 5, 40


@dataclass(frozen=True)
class TrainedGenerator:
    """What a generator's file holds.

    Attributes
    ----------
    network
        As it was at the training's end, with the running statistics of the training.
    latent
        What it draws its latents from.
    masks
        Whether its second channel is the mask of the first.
    settings
        All settings that made it, as they were written.
    calibrated
        Statistics for making images without dropout, in place of the running ones: float32 arrays
        by their path in the network, none if it does not normalise..
    """

    network: Generator
    latent: Latent
    masks: bool
    settings: dict[str, Any]
    calibrated: dict[str, np.ndarray]

    def with_calibrated_statistics(self) -> Generator:
        """Return a copy of the network that normalises with the calibrated statistics."""
        copy: Generator = self.network.copy(mode="copy")
        arrays = network_arrays(self.network) | self.calibrated
        chainer.serializers.NpzDeserializer(arrays).load(copy)
        return copy


def save_network(
    network: Any,
    training: Training,
    path: Path,
    calibrated: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write a network's weights and running statistics with the settings that made it.

    A NumPy `.npz` of plain arrays: nothing in it needs pickle.

    Parameters
    ----------
    network
        A generator or a discriminator.
    training
        The settings.
    path
        The file.
    calibrated
        A generator's calibrated statistics; see `TrainedGenerator`.
    """
    arrays = network_arrays(network)
    arrays |= {f"{CALIBRATED}{name}": array for name, array in (calibrated or {}).items()}
    settings = np.array(training.model_dump_json())
    with written_whole(path) as partial:
        np.savez(partial, allow_pickle=False, **{SETTINGS_KEY: settings}, **arrays)


def network_arrays(network: Any) -> dict[str, np.ndarray]:
    """Return the network's parameters and persistent values by their path, on the host."""
    serializer = chainer.serializers.DictionarySerializer()
    serializer.save(network)
    return {name: np.asarray(value) for name, value in sorted(serializer.target.items())}


def digest_of(network: Any) -> str:
    """Return the SHA-256 of a network's arrays, with their names, types and shapes."""
    digest = hashlib.sha256()
    for name, array in network_arrays(network).items():
        digest.update(f"{name} {array.dtype.str} {array.shape};".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def load_generator(path: Path) -> TrainedGenerator:
    """Read a generator that `save_network` wrote, with calibrated statistics if it normalises.

    Raises
    ------
    SynaxialError
        The file is absent, damaged, or not such a file.
    """
    arrays = read_arrays(path)
    try:
        settings = json.loads(str(arrays.pop(SETTINGS_KEY)[()]))
        # Of the others, the rules may have changed since; they are needed to train, not to sample.
        training = Training.model_validate(
            {key: settings[key] for key in NEEDED_SETTINGS if key in settings}
        )
        generator = Generator(training.generator, training.latent.size, training.initial_deviation)
        check_shapes(arrays, network_arrays(generator))
        statistics = statistics_of(generator)
        calibrated = {name: arrays[f"{CALIBRATED}{name}"] for name in statistics}
        check_shapes(calibrated, statistics)
        chainer.serializers.NpzDeserializer(arrays).load(generator)
    except (KeyError, TypeError, ValueError) as error:
        raise SynaxialError(
            path, f"does not hold a generator ({error})", "a generator.npz of `synaxial train`"
        ) from error
    return TrainedGenerator(generator, training.latent, training.masks, settings, calibrated)


def calibrate(generator: Generator, latent: Latent) -> dict[str, np.ndarray]:
    """Return the statistics of batch normalisation over a fixed set of latents, without dropout.

    Dropout widens what follows it, so statistics that were gathered with it do not fit images
    that are made without (Li et al., 2019, "variance shift"). The mean over a few batches that
    are each normalised by themselves are the standing statistics of Brock et al., 2019.

    Parameters
    ----------
    generator
        A trained generator; it is not changed.
    latent
        What it was trained with.

    Returns
    -------
    dict[str, array]
        float32 arrays by their path in the network.
    """
    copy: Generator = generator.copy(mode="copy")
    if not generator.settings.batch_normalization:
        return {}
    for batch in range(CALIBRATION_BATCHES):
        for normalization in copy.normalizations:
            # The running mean becomes the plain mean over the batches so far.
            normalization.decay = batch / (batch + 1)
        names = [(CALIBRATION, batch, i) for i in range(CALIBRATION_BATCH_SIZE)]
        randomness = ImageRandomness(copy.xp, names)
        latents = draw_latents(randomness, CALIBRATION_BATCH_SIZE, latent)
        with chainer.using_config("train", True), chainer.no_backprop_mode():
            copy(latents)
    return statistics_of(copy)


def statistics_of(network: Any) -> dict[str, np.ndarray]:
    """Return the running statistics of a generator's batch normalisation by their path."""
    paths = [
        f"{path.removeprefix('/')}/{name}"
        for path, link in network.namedlinks()
        if isinstance(link, BatchNormalization)
        for name in ("avg_mean", "avg_var")
    ]
    arrays = network_arrays(network)
    return {path: arrays[path] for path in paths}


def check_shapes(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Check arrays before a network takes them; Chainer would stretch one of length 1.

    Raises
    ------
    KeyError
        An array is missing.
    ValueError
        One has another shape, or values that are no numbers.
    """
    for name, array in expected.items():
        if found[name].shape != array.shape:
            raise ValueError(f"{name} has the shape {found[name].shape}, not {array.shape}")
        if not np.isfinite(found[name]).all():
            raise ValueError(f"{name} has values that are no numbers")
