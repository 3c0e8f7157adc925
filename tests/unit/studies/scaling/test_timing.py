"""What the meter counts, against what a training's networks have."""

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Scaling
from synaxial.gan.networks.layers import running_values
from synaxial.gan.train.communication import average_persistents, open_communicator, open_world
from synaxial.gan.train.setup import make_networks
from synaxial.gan.train.updater import OBSERVED
from synaxial.studies.scaling.measure import GRADIENTS, STATISTICS, Meter, time_steps

from ...gan.train.test_updater import tiny_training


class TwoRanks:
    """MPI's world on one rank that says it is two: each message is sent, to itself."""

    size = 2

    def __init__(self, world):
        self._world = world

    def __getattr__(self, name):
        return getattr(self._world, name)


@pytest.fixture
def communicator():
    return open_communicator(open_world(1), "cpu")[0]


def test_messages_and_bytes_are_those_of_the_networks(communicator):
    training, _ = tiny_training()
    network = make_networks(training, 16, chainer.get_device("@numpy")).generator
    for parameter in network.params():
        parameter.grad = np.ones_like(parameter.array)
    meter = Meter(communicator, lambda: None)
    meter.multi_node_mean_grad(network)
    traffic = meter.take()
    assert traffic[GRADIENTS].messages == len(list(network.params()))
    assert traffic[GRADIENTS].payload_bytes == sum(p.array.nbytes for p in network.params())
    assert traffic[GRADIENTS].seconds > 0
    assert traffic[STATISTICS].messages == 0

    # One packed message of the running statistics, and nothing left from before.
    meter.mpi_comm._world = TwoRanks(meter.mpi_comm._world)
    average_persistents(network, meter)
    traffic = meter.take()
    values = [array for _, array in running_values(network)]
    assert traffic[STATISTICS].messages == 1
    assert traffic[STATISTICS].payload_bytes == sum(array.nbytes for array in values)
    assert traffic[GRADIENTS].messages == 0


def test_the_time_of_a_call_is_measured(communicator, monkeypatch):
    """A message that takes its time is in the seconds, and its bytes are those given to it."""
    import time

    class Slow(TwoRanks):
        def Allreduce(self, sent, received):  # noqa: N802
            time.sleep(0.05)
            self._world.Allreduce(sent, received)

    meter = Meter(communicator, lambda: None)
    meter.mpi_comm._world = Slow(meter.mpi_comm._world)
    meter.mpi_comm.Allreduce(np.zeros(3), np.zeros(3))
    found = meter.take()[STATISTICS]
    assert 0.05 <= found.seconds < 0.5
    assert found.payload_bytes == 24


def test_a_single_rank_is_timed():
    training, _ = tiny_training()
    images = np.random.default_rng(0).integers(0, 256, (20, 16, 16), dtype=np.uint8)
    communicator, device = open_communicator(open_world(1), "cpu")
    steps = time_steps(training, Scaling(steps=4, warm_up=1), images, communicator, device)
    assert steps.seconds.shape == steps.communication.shape == (1, 4)
    assert (steps.seconds > steps.communication).all()
    # Alone there are no gradients to average; what is observed goes through MPI all the same.
    assert (steps.gradients == 0).all()
    # What is observed, as float64, and nothing else.
    assert (steps.messages, steps.payload_bytes) == (1, 8 * len(OBSERVED))
