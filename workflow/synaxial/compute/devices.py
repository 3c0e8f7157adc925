"""The device of a network: a GPU through CuPy, or the CPU."""

from typing import Any

import numpy as np

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.gpus import INSTALL, NO_CUPY, NO_GPU, NO_LIBRARIES, SEE, has_cupy
from synaxial.compute.machine import (
    announce_machine,
    counted,
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
    """Return in one line why there is no GPU, and what to do; "" if there is one."""
    if count_gpus() > 0:
        return ""
    if not has_cupy():
        return f"{NO_CUPY}; {INSTALL}"
    cuda = chainer.backends.cuda
    if not cuda.available:
        return f"{NO_LIBRARIES} ({first_line(cuda._resolution_error)}); {INSTALL}"
    try:
        cuda.cupy.cuda.runtime.getDeviceCount()
    except cuda.cupy.cuda.runtime.CUDARuntimeError as error:
        return f"{NO_GPU} ({first_line(error)}); {SEE}"
    return f"{NO_GPU}; {SEE}"


def first_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return str(error).strip().partition("\n")[0]


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


def finish_work(device: Any) -> None:
    """Wait until a GPU has finished its work; a CPU works synchronously."""
    if device.xp is not np:
        device.xp.cuda.runtime.deviceSynchronize()


def check_gpus(gpus: int, ranks: int) -> None:
    """Raise a SynaxialError if a node has fewer GPUs than ranks."""
    if gpus == 0:
        raise SynaxialError("--device gpu", why_no_gpu(), remedy="or use --device cpu")
    if gpus < ranks:
        raise SynaxialError(
            "--device gpu",
            f"CuPy finds {counted(gpus, 'GPU')} on this node for {ranks} ranks",
            "one GPU for each rank",
            "start fewer ranks on a node, or use --device cpu",
        )
