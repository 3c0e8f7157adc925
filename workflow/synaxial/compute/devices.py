"""The device of a network: a GPU through CuPy, or the CPU."""

from typing import Any

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.machine import (
    announce_machine,
    keep_freed_memory,
    read_machine,
    usable_cores,
)
from synaxial.io.errors import SynaxialError

#: The values of the option --device.
NAMES = ("auto", "cpu", "gpu")


def check_device_name(name: str) -> None:
    """Raise a SynaxialError if this is no value of --device."""
    if name not in NAMES:
        raise SynaxialError("--device", f"found {name!r}", f"one of {', '.join(NAMES)}")


def count_gpus() -> int:
    """Return the number of GPUs that CuPy finds; 0 without CuPy or without a driver."""
    # Without a driver CuPy can be imported, but counting raises an error.
    if not chainer.backends.cuda.available or not chainer.backends.cuda.cupy.cuda.is_available():
        return 0
    return int(chainer.backends.cuda.cupy.cuda.runtime.getDeviceCount())


def why_no_gpu() -> str:
    """Return what CuPy or the driver says if there is no GPU, in one line; "" if nothing."""
    cuda = chainer.backends.cuda
    if not cuda.available:
        return str(cuda._resolution_error).partition("\n")[0]
    try:
        cuda.cupy.cuda.runtime.getDeviceCount()
    except cuda.cupy.cuda.runtime.CUDARuntimeError as error:
        return str(error).partition("\n")[0]
    return ""


def use_one_device(name: str) -> Any:
    """Return the Chainer device for a single process, and make it the current one."""
    check_device_name(name)
    gpus = count_gpus()
    if name == "gpu":
        check_gpus(gpus, ranks=1)
    device = chainer.get_device("@numpy" if name == "cpu" or gpus == 0 else "@cupy:0")
    device.use()
    return device


def prepare_alone(name: str, threads: int | None) -> tuple[Any, int]:
    """Prepare a single process: return its device, and its threads (by default, of all cores)."""
    device = use_one_device(name)
    machine = read_machine(device)
    threads = usable_cores([machine]) if threads is None else threads
    announce_machine([machine], threads, "lower --threads")
    keep_freed_memory()
    return device, threads


def check_gpus(gpus: int, ranks: int) -> None:
    """Raise a SynaxialError if a node has fewer GPUs than ranks."""
    if gpus < ranks:
        reason = why_no_gpu()
        raise SynaxialError(
            "--device gpu",
            f"CuPy finds {gpus} GPUs on this node for {ranks} ranks"
            + (f" ({reason})" if reason else ""),
            "one GPU for each rank, and CuPy (install envs/cuda12.txt or envs/cuda13.txt)",
            "start fewer ranks on a node, or use --device cpu",
        )
