"""Iterations of the training on the device, each beside the same iteration on the CPU.

Rounding grows: after some iterations from the same weights, two devices have different losses,
although each of them is right. So before each iteration the device gets the weights, the state of
the optimizers and the position of the CPU. Both draw the same random numbers, noise and dropout
included (see `HostRandomness`).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer, chainermn
from synaxial.compute.devices import prepare_alone
from synaxial.compute.parallel import use_threads
from synaxial.gan.networks.layers import running_values
from synaxial.gan.train.setup import make_updater
from synaxial.gan.train.upsampling import make_upsampler_updater
from synaxial.studies.gpu_check.host_randomness import HostRandomness
from synaxial.studies.gpu_check.results import CheckFailedError, Findings
from synaxial.studies.gpu_check.setting import Setting

ITERATIONS = 20

#: Relative differences at which each iteration agrees: of its losses, of its penalty, and of the
#: running statistics after it.
LIMITS = {"losses": 1e-3, "penalty": 1e-2, "statistics": 1e-3}

#: The median of the relative differences of the steps of each network's weights. Adam takes a whole
#: step where a gradient is little more than rounding, in the direction that the rounding gives, and
#: most of all in the first iteration. With Chainer's functions on the CPU in place of ours, the
#: steps of the paper's networks differ by 0.3 there and by 0.04 in the next iteration.
STEPS = 0.2

#: What the losses are made of; differences are relative to the largest of these.
COMPARED = ("loss_generator", "loss_discriminator", "score_real", "score_generated")

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
    largest = {name: max(row[name] for row in rows) for name in LIMITS}
    steps = float(np.median([row["steps"] for row in rows]))
    parts = [f"{name} {largest[name]:.0e}" for name in LIMITS]
    findings.note(
        f"largest relative differences of {ITERATIONS} iterations: {', '.join(parts)}; median of "
        f"the steps {steps:.0e}",
        **{name: [row[name] for row in rows] for name in rows[0]},
    )
    for name, limit in LIMITS.items():
        # NaN is no number below the limit.
        wrong = [number for number, row in enumerate(rows) if not row[name] <= limit]
        if wrong:
            raise CheckFailedError(
                f"{name} differ by more than {limit:g} in {len(wrong)} of {ITERATIONS} "
                f"iterations, first in number {wrong[0]}"
            )
    if not steps <= STEPS:
        raise CheckFailedError(f"the steps of the weights differ by {steps:.2g}, the median")


def compare_iteration(on_cpu: Any, on_device: Any) -> dict[str, float]:
    """Do the next iteration of the CPU on both; return their relative differences."""
    copy_state(on_cpu, on_device)
    before = weights_of(on_cpu)
    on_cpu.update()
    on_device.update()
    expected, found = on_cpu.observed, on_device.observed
    after, reached = weights_of(on_cpu), weights_of(on_device)
    statistics, measured = statistics_of(on_cpu), statistics_of(on_device)
    penalty = expected.get("penalty", 0.0)
    largest = max(abs(expected[name]) for name in COMPARED)
    return {
        "losses": max(abs(found[name] - expected[name]) for name in COMPARED) / largest,
        "penalty": abs(found["penalty"] - penalty) / penalty if penalty else 0.0,
        "statistics": norm(subtract(measured, statistics)) / max(norm(statistics), 1e-9),
        "steps": max(
            norm(subtract(reached[name], after[name])) / norm(subtract(after[name], before[name]))
            for name in on_cpu.updated
        ),
    }


def copy_state(source: Any, target: Any) -> None:
    """Give an updater the whole state of another one, as a checkpoint does."""
    serializer = chainer.serializers.DictionarySerializer()
    serializer.save(source)
    arrays = {name: np.asarray(value) for name, value in serializer.target.items()}
    chainer.serializers.NpzDeserializer(arrays).load(target)


Weights = Mapping[str, np.ndarray]


def weights_of(updater: Any) -> dict[str, Weights]:
    """Return copies of the weights of the trained networks, on the host, by optimizer and path."""
    return {
        name: {path: on_host(weight.array) for path, weight in optimizer.target.namedparams()}
        for name, optimizer in updater.get_all_optimizers().items()
    }


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
