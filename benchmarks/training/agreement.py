"""Whether both sides compute the same: losses, gradients and Adam's step from the same arrays.

In float64 they must agree. In float32 a gradient depends on how sums were rounded: of the millions
of activations a few lie so near to 0 that ReLU lets them pass on one side only, and each of them
changes the gradient by a jump. So in float32 losses and Adam's step must agree, and the gradients
of ours must be as near to those in float64 as PyTorch's are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Largest relative difference.
TOLERANCE = 1e-4

#: How many times as far from float64 as PyTorch's float32 gradients ours may be. Which
#: activations fall on the other side is chance.
TIMES_AS_FAR = 5.0

PRECISIONS = ("float64", "float32")

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Differences:
    """The largest relative differences of two sides.

    Attributes
    ----------
    losses
        Of the two losses.
    gradients
        Norm of the difference over the norm, the largest of all parameters.
    steps
        The same of what Adam changes, given the same gradients.
    rounding
        The largest gradient that is 0 but for rounding, on either side, over the network's
        largest one.
    """

    losses: float
    gradients: float
    steps: float
    rounding: float


@dataclass(frozen=True)
class Agreement:
    """How far both sides are apart.

    Attributes
    ----------
    exact, single
        In float64 and in float32.
    ours, twin
        The largest relative difference of a side's gradient in float32 from its own in float64.
    """

    exact: Differences
    single: Differences
    ours: float
    twin: float

    @property
    def holds(self) -> bool:
        """Whether both do the same work."""
        exact, single = self.exact, self.single
        largest = max(
            *(exact.losses, exact.gradients, exact.steps, exact.rounding),
            *(single.losses, single.steps, single.rounding),
        )
        return largest <= TOLERANCE and self.ours <= TIMES_AS_FAR * self.twin

    def describe(self, networks: str) -> str:
        """Return what holds of these networks, as a paragraph."""
        exact, single = self.exact, self.single
        return (
            f"{networks}: given the same weights, images, latents, noise and dropout, both sides "
            f"agree (relatively, largest difference of any parameter). In float64: losses "
            f"{exact.losses:.1e}, gradients {exact.gradients:.1e}, Adam's step {exact.steps:.1e}. "
            f"In float32: losses {single.losses:.1e}, Adam's step {single.steps:.1e}, gradients "
            f"{single.gradients:.1e}, where ReLU lets values next to 0 pass on one side only: from "
            f"their own gradients in float64 ours are {self.ours:.1e} away, PyTorch's "
            f"{self.twin:.1e}. Gradients that are 0 but for rounding (biases before a batch "
            f"normalisation) are at most {single.rounding:.1e} of the network's largest."
        )


def files(folder: Path, precision: str) -> tuple[Path, Path]:
    """Return where both sides' arrays are."""
    return folder / f"ours-{precision}.npz", folder / f"twin-{precision}.npz"


def compare(folder: Path, normalised: bool) -> Agreement:
    """Compare the files of both sides in both precisions.

    Parameters
    ----------
    folder
        Where the files are.
    normalised
        Whether the networks have batch normalisations, as the paper's have.

    Raises
    ------
    RuntimeError
        The sides do not do the same work.
    """
    with (
        np.load(files(folder, "float64")[0]) as ours,
        np.load(files(folder, "float64")[1]) as twin,
        np.load(files(folder, "float32")[0]) as ours_single,
        np.load(files(folder, "float32")[1]) as twin_single,
    ):
        exact = dict(ours), dict(twin)
        single = dict(ours_single), dict(twin_single)
    found = Agreement(
        differences(*exact, normalised),
        differences(*single, normalised),
        *(
            max(
                apart(after[name], before[name]) for name in after if has_gradient(name, normalised)
            )
            for before, after in zip(exact, single, strict=True)
        ),
    )
    if not found.holds:
        raise RuntimeError(f"the two sides do not do the same work: {found.describe(str(folder))}")
    return found


def differences(ours: Arrays, twin: Arrays, normalised: bool) -> Differences:
    """Compare the arrays of both sides, named as in `gradients.write`."""
    expected = {name for name in ours if name.split("/")[0] in ("loss", "gradient", "updated")}
    if expected != set(twin):
        raise RuntimeError(f"only on one side: {sorted(expected ^ set(twin))}")
    rounding = [
        max(norm(ours[name]), norm(twin[name])) / largest_gradient(ours, name.split("/")[1])
        for name in twin
        if name.startswith("gradient/") and not has_gradient(name, normalised)
    ]
    before = {
        name: ours[name.replace("updated", "weight", 1)] for name in twin if "updated" in name
    }
    return Differences(
        losses=max(apart(ours[name], twin[name]) for name in twin if name.startswith("loss/")),
        gradients=max(
            apart(ours[name], twin[name]) for name in twin if has_gradient(name, normalised)
        ),
        steps=max(apart(ours[name] - old, twin[name] - old) for name, old in before.items()),
        rounding=max(rounding, default=0.0),
    )


def largest_gradient(arrays: Arrays, network: str) -> float:
    """Return the largest norm of a parameter's gradient."""
    begin = f"gradient/{network}/"
    return max(norm(array) for name, array in arrays.items() if name.startswith(begin))


def has_gradient(name: str, normalised: bool) -> bool:
    """Return whether this is a gradient, and not 0 but for rounding.

    A batch normalisation subtracts the mean, and with it the bias before it. Without one are the
    generator's last layer, and the discriminator's first and last; of these the last one's bias is
    in the scores of real and of generated images, whose difference is the loss.
    """
    if not name.startswith("gradient/"):
        return False
    if not normalised:
        return True
    _, network, *place, kind = name.split("/")
    with_bias = {"generator": "last", "discriminator": "convolutions/0"}
    return kind != "b" or "/".join(place) == with_bias[network]


def norm(array: np.ndarray) -> float:
    """Return the Euclidean norm."""
    return float(np.linalg.norm(np.asarray(array, np.float64)))


def apart(ours: np.ndarray, twin: np.ndarray) -> float:
    """Return the norm of the difference over the norm of ours."""
    if ours.shape != twin.shape:
        raise RuntimeError(f"shapes {ours.shape} and {twin.shape}")
    difference = np.asarray(ours, np.float64) - np.asarray(twin, np.float64)
    return norm(difference) / norm(ours) if norm(difference) > 0 else 0.0
