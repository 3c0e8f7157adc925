"""The comparison of iterations: it agrees with itself, and finds what a device does wrong."""

import dataclasses

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.networks.randomness import TRAINING, BatchRandomness
from synaxial.gan.train import updater as updater_module
from synaxial.gan.train.setup import make_updater
from synaxial.studies.gpu_check import ranks, training
from synaxial.studies.gpu_check.host_randomness import HostRandomness
from synaxial.studies.gpu_check.results import CheckFailedError, Findings
from synaxial.studies.gpu_check.setting import Setting

pytestmark = pytest.mark.mpi


@pytest.fixture
def setting(tmp_path):
    return Setting("cpu", tmp_path)


@pytest.fixture
def compare(setting, monkeypatch):
    """Compare two iterations of the paper's training, with a mistake on the device."""
    monkeypatch.setattr(training, "ITERATIONS", 2)
    findings = Findings(setting.folder / "result.json", "paper", "paper")
    made = []

    def make(device, ranks):
        updater = make_updater(setting.training("paper"), setting.images(), ranks, device)
        made.append(updater)
        return updater

    def run(mistake):
        def make_wrong(device, ranks):
            updater = make(device, ranks)
            if len(made) == 2:
                mistake(updater)
            return updater

        training.compare_iterations(setting, findings, make_wrong)
        return findings.result.measured

    return run


def test_the_cpu_agrees_with_itself(compare):
    measured = compare(lambda updater: None)
    assert measured["losses"] == {"values": [0, 0], "limit": 1e-3}
    for name in ("generator", "discriminator"):
        assert measured[f"steps of {name}"] == {"values": [0, 0], "median": 0, "limit": 0.2}


def test_other_images_are_found(compare):
    def mistake(updater):
        updater.images = 255 - updater.images

    with pytest.raises(CheckFailedError, match=r"losses differ by more than 0\.001 in 2 of 2"):
        compare(mistake)


def test_a_wrong_optimizer_is_found(compare):
    def mistake(updater):
        optimizer = updater.get_optimizer("generator")
        optimizer.alpha *= 1.5

    with pytest.raises(CheckFailedError, match=r"by the median: generator 0\.[45]\d?$"):
        compare(mistake)


def test_a_loss_that_is_no_number_is_found(compare):
    def mistake(updater):
        def discriminator(real, generated):
            return np.float32(np.nan) * chainer.functions.sum(real)

        updater.loss = dataclasses.replace(updater.loss, discriminator=discriminator)

    with pytest.raises(CheckFailedError, match="losses"):
        compare(mistake)


def row(steps, *, losses=0.0, penalised=False, updated=("discriminator",)):
    differences = {"losses": losses, "penalty": 0.0, "statistics": 0.0}
    return training.Row(differences, steps, penalised, (("discriminator",), updated))


@pytest.fixture
def judge(tmp_path):
    return lambda rows: training.judge(rows, Findings(tmp_path / "result.json", "a", "a"))


def test_no_network_hides_behind_another_or_behind_other_iterations(judge):
    right, wrong = {"discriminator": 0.0, "moving average": 0.0}, {"discriminator": 1.0}
    judge([row(right)] * 3)
    with pytest.raises(CheckFailedError, match=r"median: penalised discriminator 1$"):
        judge([row(right)] * 18 + [row(wrong, penalised=True)] * 2)
    with pytest.raises(CheckFailedError, match=r"median: moving average 1$"):
        judge([row({**right, "moving average": 1.0})] * 3)
    with pytest.raises(CheckFailedError, match="iteration 1 updated none; on the CPU discr"):
        judge([row(right), row(right, updated=())])


def test_nan_in_a_later_iteration_is_found(judge):
    with pytest.raises(CheckFailedError, match=r"losses differ .* in 1 of 3 .* number 2"):
        judge([row({}), row({}), row({}, losses=float("nan"))])
    with pytest.raises(CheckFailedError, match="discriminator nan"):
        judge([row({"discriminator": 0.0}), row({"discriminator": float("nan")})])


def test_nan_in_a_later_array_of_two_ranks_is_found():
    first = {"a": np.zeros(2), "b": np.zeros(2), "c": np.ones(2)}
    assert ranks.largest_difference(first, {**first, "c": np.array([1, 3])}) == 2
    assert np.isnan(ranks.largest_difference(first, {**first, "b": np.array([0, np.nan])}))


def test_a_moving_average_that_stands_still_is_found(setting, monkeypatch):
    monkeypatch.setattr(training, "ITERATIONS", 1)
    made = []

    def make(device, communicator):
        images = setting.images()
        updater = make_updater(setting.training("coarse_to_fine"), images, communicator, device)
        made.append(updater)
        return updater

    def follow(average, generator, half_lives):
        if average is not made[1].networks.average:
            right(average, generator, half_lives)

    right = updater_module.follow
    monkeypatch.setattr(updater_module, "follow", follow)
    findings = Findings(setting.folder / "result.json", "coarse", "coarse")
    with pytest.raises(CheckFailedError, match=r"median: moving average 1$"):
        training.compare_iterations(setting, findings, make)


def test_host_randomness_is_that_of_the_cpu():
    name = (TRAINING, 1, 2, 0)
    host, cpu = HostRandomness(np, *name), BatchRandomness(np, *name)
    np.testing.assert_array_equal(host.normal((3, 5)), cpu.normal((3, 5)))
    np.testing.assert_array_equal(host.uniform((4,)), cpu.uniform((4,)))
    for ratio in (0.5, 0.3):
        np.testing.assert_array_equal(
            host.dropped((2, 3, 4, 4), ratio).kept, cpu.dropped((2, 3, 4, 4), ratio).kept
        )
    x = np.zeros((2, 3, 4, 4), np.float32)
    assert 0.1 < float(host.noisy(x, 0.2).std()) < 0.3


def test_both_recipes_have_networks_of_both_sizes(tmp_path):
    for device, width in (("cpu", 64), ("gpu", 256)):
        setting = Setting(device, tmp_path)
        for experiment in ("paper", "coarse_to_fine"):
            assert setting.training(experiment).image_width == width
