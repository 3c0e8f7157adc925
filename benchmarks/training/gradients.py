"""Our losses, gradients and Adam's first step, with all that they follow from, as one file."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.detail import NUMBERS
from synaxial.gan.ops.hidden import Dropped
from synaxial.gan.ops.layout import by_channel

SEED = 5


class Noted:
    """Random numbers in the networks' protocol, all of which are kept in the order of their use.

    Latents and noise are kept as standard normal values, dropout as factors.

    Parameters
    ----------
    precision
        The arrays' type; the numbers are those of float32 whatever it is.
    """

    def __init__(self, precision: str) -> None:
        self.precision = np.dtype(precision)
        self.generator = np.random.default_rng(SEED)
        self.drawn: list[np.ndarray] = []

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return standard normal values."""
        drawn = self.generator.standard_normal(shape, dtype=np.float32)
        self.drawn.append(drawn.astype(self.precision))
        return self.drawn[-1]

    def noisy(self, x: Any, deviation: float) -> Any:
        """Return x with noise added."""
        return x + self.normal(x.shape) * self.precision.type(deviation)

    def dropped(self, shape: tuple[int, ...], ratio: float) -> Dropped:
        """Choose what dropout sets to 0."""
        kept = self.generator.random(shape, dtype=np.float32) >= ratio
        self.drawn.append(kept.astype(self.precision) / self.precision.type(1 - ratio))
        return Dropped(np.packbits(by_channel(kept), axis=1), ratio)


def write(updater: Any, output: Path, precision: str) -> None:
    """Run the updater's own iteration, both networks with their first weights, and write it down.

    The optimizers only note the gradients, so that both sides' second loss is that of the same
    discriminator; then they do their step.

    In float64 the weights and all that is drawn have the values of float32.

    The file has `weight/…`, `real`, `random/000` … in the order of use, `loss/…`, `gradient/…`
    and `updated/…`, the weights after Adam's first step.
    """
    networks = {name: getattr(updater.networks, name) for name in ("discriminator", "generator")}
    for network in networks.values():
        convert(network, np.dtype(precision))
    optimizers = updater.get_all_optimizers()
    arrays = {
        f"weight/{name}{path}": parameter.array.copy()
        for name, network in networks.items()
        for path, parameter in network.namedparams()
    }
    noted = Noted(precision)

    def note(name: str) -> None:
        for path, parameter in networks[name].namedparams():
            # Coarse networks have layers for other widths, which take no part.
            if parameter.grad is not None:
                arrays[f"gradient/{name}{path}"] = np.ascontiguousarray(parameter.grad)

    real_images = updater.real_images

    def real(indices: np.ndarray) -> Any:
        arrays["real"] = np.ascontiguousarray(real_images(indices), precision)
        return arrays["real"]

    with (
        patch.object(updater, "source", lambda *_: noted),
        patch.object(updater, "real_images", real),
        patch.object(optimizers["discriminator"], "update", lambda: note("discriminator")),
        patch.object(optimizers["generator"], "update", lambda: note("generator")),
    ):
        updater.update_core()
    for name, network in networks.items():
        arrays[f"loss/{name}"] = np.array(updater.observed[f"loss_{name}"])
        taking_part = [
            (path, parameter)
            for path, parameter in network.namedparams()
            if f"gradient/{name}{path}" in arrays
        ]
        for path, parameter in taking_part:
            parameter.grad = arrays[f"gradient/{name}{path}"].copy()
        optimizers[name].update()
        for path, parameter in taking_part:
            arrays[f"updated/{name}{path}"] = parameter.array
    arrays |= {f"random/{number:03d}": array for number, array in enumerate(noted.drawn)}
    np.savez(output, **arrays)


def write_enlarged(upsampler: Any, output: Path) -> None:
    """Enlarge small images of noise and write down what went in and came out.

    The file has `weight/…`, `small`, `details`, `random/000` … in the order of use, and `enlarged`.
    """
    noted = Noted("float32")
    small = np.clip(noted.normal((4, 1, 32, 32)), -1, 1)
    details = noted.normal((4, NUMBERS))
    noted.drawn.clear()
    with chainer.no_backprop_mode():
        enlarged = upsampler.enlarge_whole(small, details, noted).array
    arrays = {f"weight{path}": parameter.array for path, parameter in upsampler.namedparams()}
    arrays |= {f"random/{number:03d}": array for number, array in enumerate(noted.drawn)}
    np.savez(output, small=small, details=details, enlarged=enlarged, **arrays)


def convert(network: Any, precision: Any) -> None:
    """Have a network compute with this type."""
    for link in network.links():
        for name in link._persistent:
            value = link.__dict__[name]
            if isinstance(value, np.ndarray):
                link.__dict__[name] = value.astype(precision)
    for parameter in network.params():
        parameter.array = parameter.array.astype(precision)
