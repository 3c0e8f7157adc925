"""Iterations of the training on the device, each beside the same iteration on the CPU.

Rounding grows: after some iterations from the same weights, two devices have different losses,
although each of them is right. So before each iteration the device gets the weights, the state of
the optimizers and the position of the CPU. Both draw the same random numbers, noise and dropout
included (see `HostRandomness`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.chainermn_compatibility import chainermn
from synaxial.compute.devices import prepare_alone
from synaxial.compute.parallel import use_threads
from synaxial.gan.networks.layers import running_values
from synaxial.gan.train.setup import make_updater
from synaxial.gan.train.updater import averaged_arrays
from synaxial.gan.train.upsampling import make_upsampler_updater
from synaxial.studies.gpu_check.host_randomness import HostRandomness
from synaxial.studies.gpu_check.results import CheckFailedError, Findings
from synaxial.studies.gpu_check.setting import Setting

ITERATIONS = 20

#: Relative differences at which each iteration agrees: of its losses, of its penalty, and of the
#: running statistics after it. Only rounding on the CPU was seen, which stays far below.
LIMITS = {"losses": 1e-3, "penalty": 1e-2, "statistics": 1e-3}

#: The largest relative difference of the steps of the weights, as the median of each of the
#: `groups_of_steps`. Adam takes a whole step where a gradient is little more than rounding, in the
#: direction that the rounding gives, and most of all in the first iteration. With Chainer's
#: functions on the CPU in place of ours, the steps of the paper's networks differ by 0.3 there and
#: by 0.04 in the next iteration. What a GPU's rounding gives has not been seen.
STEPS = 0.2

#: What the losses are made of; differences are relative to the largest of these.
COMPARED = ("loss_generator", "loss_discriminator", "score_real", "score_generated")

#: The name of the moving average of the generator among the networks.
AVERAGE = "moving average"

#: Makes an updater on a Chainer device, with a communicator.
Make = Callable[[Any, Any], Any]


def check_paper(setting: Setting, findings: Findings) -> None:
    """Compare iterations of the paper's training."""
    training, images = setting.training("paper"), setting.images()
    compare_iterations(
        setting, findings, lambda device, ranks: make_updater(training, images, ranks, device)
    )


def check_coarse(setting: Setting, findings: Findings) -> None:
    """Compare iterations of the coarse generator's training, while a stage joins."""
    training, images = setting.training("coarse_to_fine"), setting.images()
    compare_iterations(
        setting, findings, lambda device, ranks: make_updater(training, images, ranks, device)
    )


def check_upsampler(setting: Setting, findings: Findings) -> None:
    """Compare iterations of the up-sampler's training; its critic joins after a few."""
    training, images = setting.training("coarse_to_fine"), setting.images()
    compare_iterations(
        setting,
        findings,
        lambda device, ranks: make_upsampler_updater(training, images, ranks, device),
    )


def compare_iterations(setting: Setting, findings: Findings, make: Make) -> None:
    """Compare some iterations on the device with the same ones on the CPU."""
    device, threads = prepare_alone(setting.device, None)
    ranks = chainermn.create_communicator("naive")
    with use_threads(threads):
        on_cpu = make(chainer.get_device("@numpy"), ranks)
        on_device = make(device, ranks)
        on_cpu.source = on_device.source = HostRandomness
        rows = [compare_iteration(on_cpu, on_device) for _ in range(ITERATIONS)]
    judge(rows, findings)


@dataclass(frozen=True)
class Row:
    """The relative differences of one iteration.

    Attributes
    ----------
    differences
        Those of `LIMITS`.
    steps
        Those of the steps of the networks that the CPU has updated, by the names of their
        optimizers, and of the moving average, if there is one.
    penalised
        Whether the loss of the discriminator had a penalty.
    updated
        The networks that the CPU has updated, and those that the device has.
    """

    differences: dict[str, float]
    steps: dict[str, float]
    penalised: bool
    updated: tuple[tuple[str, ...], tuple[str, ...]]


def judge(rows: Sequence[Row], findings: Findings) -> None:
    """Note the differences of all iterations; raise a CheckFailedError if one is too large."""
    # NumPy's maximum and median of numbers with a NaN are NaN, which is no number below a limit.
    columns = {name: [row.differences[name] for row in rows] for name in LIMITS}
    groups = groups_of_steps(rows)
    medians = {name: float(np.median(group)) for name, group in groups.items()}
    largest = ", ".join(f"{name} {np.max(column):.0e}" for name, column in columns.items())
    steps = ", ".join(f"{name} {median:.0e}" for name, median in medians.items())
    findings.note(
        f"largest relative differences of {len(rows)} iterations: {largest}; medians of the "
        f"steps: {steps}",
        **{name: {"values": columns[name], "limit": limit} for name, limit in LIMITS.items()},
        **{
            f"steps of {name}": {"values": group, "median": medians[name], "limit": STEPS}
            for name, group in groups.items()
        },
    )
    for number, row in enumerate(rows):
        if row.updated[0] != row.updated[1]:
            expected, found = (" and ".join(names) or "none" for names in row.updated)
            raise CheckFailedError(f"iteration {number} updated {found}; on the CPU {expected}")
    for name, limit in LIMITS.items():
        wrong = [number for number, value in enumerate(columns[name]) if not value <= limit]
        if wrong:
            raise CheckFailedError(
                f"{name} differ by more than {limit:g} in {len(wrong)} of {len(rows)} "
                f"iterations, first in number {wrong[0]}"
            )
    far = [f"{name} {median:.2g}" for name, median in medians.items() if not median <= STEPS]
    if far:
        raise CheckFailedError(f"the steps of the weights differ, by the median: {', '.join(far)}")


def groups_of_steps(rows: Sequence[Row]) -> dict[str, list[float]]:
    """Return the differences of the steps by network; those by a penalised loss separately."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        for name, difference in row.steps.items():
            penalised = row.penalised and name == "discriminator"
            groups.setdefault(f"penalised {name}" if penalised else name, []).append(difference)
    return groups


def compare_iteration(on_cpu: Any, on_device: Any) -> Row:
    """Do the next iteration of the CPU on both; return their relative differences."""
    copy_state(on_cpu, on_device)
    before = weights_of(on_cpu)
    on_cpu.update()
    on_device.update()
    expected, found = on_cpu.observed, on_device.observed
    after, reached = weights_of(on_cpu), weights_of(on_device)
    statistics, measured = statistics_of(on_cpu), statistics_of(on_device)
    penalty = expected.get("penalty", 0.0)
    apart = np.max([abs(found[name] - expected[name]) for name in COMPARED])
    moved = [*on_cpu.updated, *(after.keys() & {AVERAGE})]
    return Row(
        differences={
            "losses": relative(apart, np.max([abs(expected[name]) for name in COMPARED])),
            "penalty": relative(abs(found.get("penalty", 0.0) - penalty), abs(penalty)),
            "statistics": relative(norm(subtract(measured, statistics)), norm(statistics)),
        },
        steps={
            name: relative(
                norm(subtract(reached[name], after[name])),
                norm(subtract(after[name], before[name])),
            )
            for name in moved
        },
        penalised=penalty != 0,
        updated=(on_cpu.updated, on_device.updated),
    )


def relative(difference: float, size: float) -> float:
    """Return a difference as a share of a size; infinite if only the size is 0."""
    if size == 0:
        return 0.0 if difference == 0 else math.inf
    return float(difference / size)


def copy_state(source: Any, target: Any) -> None:
    """Give an updater the whole state of another one, as a checkpoint does."""
    serializer = chainer.serializers.DictionarySerializer()
    serializer.save(source)
    arrays = {name: np.asarray(value) for name, value in serializer.target.items()}
    chainer.serializers.NpzDeserializer(arrays).load(target)


Weights = Mapping[str, np.ndarray]


def weights_of(updater: Any) -> dict[str, Weights]:
    """Return copies of the weights of the trained networks, on the host, by optimizer and path.

    With them are the weights and the statistics of the moving average, if there is one.
    """
    weights: dict[str, Weights] = {
        name: {path: on_host(weight.array) for path, weight in optimizer.target.namedparams()}
        for name, optimizer in updater.get_all_optimizers().items()
    }
    if updater.networks.average is not None:
        arrays = averaged_arrays(updater.networks.average)
        weights[AVERAGE] = {path: on_host(array) for path, array in arrays}
    return weights


def statistics_of(updater: Any) -> Weights:
    """Return copies of the running statistics of the trained networks, on the host."""
    return {
        name + path: on_host(array)
        for name, optimizer in updater.get_all_optimizers().items()
        for path, array in running_values(optimizer.target)
    }


def on_host(array: Any) -> np.ndarray:
    """Return a copy of an array on the host."""
    return np.array(chainer.backends.cuda.to_cpu(array))


def subtract(first: Weights, second: Weights) -> Weights:
    """Return the differences of arrays of the same names."""
    return {name: first[name].astype(np.float64) - second[name] for name in first}


def norm(weights: Weights) -> float:
    """Return the Euclidean norm of all numbers."""
    return float(np.sqrt(sum(float((array**2).sum()) for array in weights.values())))
