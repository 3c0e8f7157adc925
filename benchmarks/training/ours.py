"""Our training and sampling, as a program that does one iteration when it is asked.

The updater and the networks are those of `synaxial train`; under mpiexec every rank is one of
these, and rank 0 is the one that is asked.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.memory import anonymous_memory, peak_memory
from benchmarks.training import arithmetic, gradients, stock, whereabouts

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.chainermn_compatibility import chainermn
from synaxial.compute.machine import keep_freed_memory
from synaxial.compute.parallel import use_threads
from synaxial.config.model import Sample, Training
from synaxial.gan.image_inputs import independent
from synaxial.gan.networks.cascade import Cascade
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.saving import load_generator, make_upsampler
from synaxial.gan.sampling import make_pages
from synaxial.gan.train.batches import RankBatches
from synaxial.gan.train.optimizers import make_optimizer
from synaxial.gan.train.setup import make_networks
from synaxial.gan.train.updater import AdversarialUpdater
from synaxial.gan.train.upsampling import make_upsampler_updater

#: Seconds that a waiting rank sleeps between two looks: MPI itself would wait with a busy core.
PAUSE = 0.001


def make_updater(arguments: argparse.Namespace, device: Any, communicator: Any) -> Any:
    """Return the updater of `synaxial train` or `synaxial upsampler train` for this study."""
    content = json.loads((arguments.study / "training.json").read_text())
    training = Training.model_validate(content)
    if arguments.batch_size:
        training = training.model_copy(update={"batch_size": arguments.batch_size})
    images = np.load(arguments.study / "images.npy", mmap_mode="r")
    if arguments.upsampler:
        return make_upsampler_updater(training, images, communicator, device)
    networks = make_networks(training, images.shape[1], device)
    make = stock.make_optimizer if arguments.stock else make_optimizer
    optimizers = {
        name: make(training.optimizer, getattr(networks, name), communicator)
        for name in ("generator", "discriminator")
    }
    batches = RankBatches(
        len(images), training.batch_size, training.seed, communicator.rank, communicator.size
    )
    return AdversarialUpdater(batches, images, networks, optimizers, training, communicator, device)


def timed(updater: Any, work: Callable[[], Any]) -> float:
    """Return the seconds that some work takes, until all ranks and devices are done with it."""
    barrier = updater.communicator.mpi_comm.Barrier
    barrier()
    begin = time.perf_counter()
    work()
    if updater.xp is not np:
        updater.xp.cuda.runtime.deviceSynchronize()
    barrier()
    return time.perf_counter() - begin


def sampler_of(updater: AdversarialUpdater, trained: str | None) -> Any:
    """Return the network that `synaxial sample` uses: that of a file, or one of first weights."""
    if trained is not None:
        return load_generator(Path(trained)).network
    generator = updater.networks.smoothed
    if not updater.training.is_coarse_to_fine:
        return generator
    upsampler = make_upsampler(updater.training)
    upsampler.learn_details(updater.images)
    return Cascade(generator, upsampler)


def sample(updater: AdversarialUpdater, images: int, trained: str | None) -> float:
    """Make a stack as `synaxial sample` does, all but its file; return the seconds it takes."""
    generator, latent = sampler_of(updater, trained), updater.training.latent
    settings = Sample(images=images)
    inputs = independent(Conditions(()), settings, 0, Path("generator.npz"))
    pages = make_pages(generator, latent, settings, inputs)
    made = []
    seconds = timed(updater, lambda: made.extend(pages))
    assert len(made) == images
    return seconds


def answer(request: dict[str, Any], updater: AdversarialUpdater) -> Any:
    """Do what a request asks."""

    def steps() -> None:
        for _ in range(request["count"]):
            updater.update()

    def checkpoint() -> int:
        path = Path(request["output"])
        chainer.serializers.save_npz(path, updater, compression=False)
        return path.stat().st_size

    works: dict[str, Callable[[], Any]] = {
        "memory": peak_memory,
        "anonymous": anonymous_memory,
        "checkpoint": checkpoint,
        "step": lambda: timed(updater, steps),
        "sample": lambda: sample(updater, request["count"], request.get("generator")),
        "enlarge": lambda: gradients.write_enlarged(
            make_upsampler(updater.training), Path(request["output"])
        ),
        "gradients": lambda: gradients.write(
            updater, Path(request["output"]), request["precision"]
        ),
        "multiplications": lambda: arithmetic.multiplications(updater),
        "whereabouts": lambda: whereabouts.measure(updater, request["count"]),
    }
    return works[request["do"]]()


def receive(communicator: Any) -> dict[str, Any] | None:
    """Return the next request, on every rank; None at the end."""
    comm = communicator.mpi_comm
    if comm.rank == 0:
        line = sys.stdin.readline()
        request = json.loads(line) if line else None
        for rank in range(1, comm.size):
            comm.send(request, dest=rank)
        return request
    while not comm.iprobe(source=0):
        time.sleep(PAUSE)
    received: dict[str, Any] | None = comm.recv(source=0)
    return received


def main() -> None:
    """Answer requests until there are none."""
    parser = argparse.ArgumentParser()
    parser.add_argument("study", type=Path, help="folder with training.json and images.npy")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="@numpy")
    parser.add_argument("--stock", action="store_true", help="Chainer's own functions")
    parser.add_argument("--upsampler", action="store_true", help="train the up-sampler")
    arguments = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr
    imported = peak_memory()
    communicator = chainermn.create_communicator("naive")
    device = chainer.get_device(arguments.device)
    device.use()
    if arguments.stock:
        stock.use_chainers_functions()
    else:
        keep_freed_memory()
    updater = None
    with nullcontext() if arguments.stock else use_threads(arguments.threads):
        while (request := receive(communicator)) is not None:
            if request["do"] == "imported":
                said: Any = imported
            else:
                if updater is None:
                    updater = make_updater(arguments, device, communicator)
                said = answer(request, updater)
            if communicator.rank == 0:
                print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
