"""The cores, threads and libraries of a process: one log line, and warnings if it would be slow."""

import ctypes
import logging
import os
import platform
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_info

log = logging.getLogger(__name__)

#: Names of linear algebra libraries: threadpoolctl's, and their makers'.
BLAS_NAMES = {"openblas": "OpenBLAS", "blis": "BLIS", "mkl": "MKL", "flexiblas": "FlexiBLAS"}

#: Kernels of OpenBLAS for x86 processors without AVX2, which it also uses on processors that it
#: does not know.
GENERIC_KERNELS = (
    "generic unknown katmai coppermine northwood prescott banias atom core2 penryn dunnington "
    "nehalem athlon opteron opteron_sse3 barcelona nano bobcat sandybridge bulldozer piledriver "
    "steamroller"
)

#: The parts of AVX-512 that the SkylakeX kernel of OpenBLAS needs.
AVX512 = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})

#: The OpenBLAS kernel that all processors with these instructions can use.
KERNEL_OF_INSTRUCTIONS = {"AVX-512": "SkylakeX", "AVX2": "Haswell"}


#: Parameters of glibc's `mallopt` (malloc.h).
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
#: Bytes, more than any array of a training has; and the most before glibc 2.35.
LARGEST = 1 << 30
LARGEST_BEFORE = 1 << 25


@dataclass(frozen=True)
class Blas:
    """The library that multiplies NumPy's matrices; names are empty if unknown.

    `kernel` is the processor that its kernel is written for, `threads` its default.
    """

    name: str
    version: str
    kernel: str
    threads: int


@dataclass(frozen=True)
class Machine:
    """What one process can compute with.

    Attributes
    ----------
    device
        `cpu (x86_64)`, or the name of a GPU.
    gpu_software
        Versions of CuPy and CUDA; empty on the CPU.
    vector_instructions
        `AVX-512`, `AVX2` or empty.
    cores
        Numbers of the cores that this process may run on.
    quota
        The processor time that its container allows, in cores; None without a limit below `cores`.
    """

    host: str
    device: str
    gpu_software: str
    processor: str
    vector_instructions: str
    cores: tuple[int, ...]
    quota: int | None
    blas: Blas


def announce_machine(machines: Sequence[Machine], threads: int, remedy: str) -> None:
    """Log one line on what a job's ranks compute with, and one warning for each cause of slowness.

    `threads` are those of each rank; `remedy` says what to do if they are more than the cores.
    """
    log.info("%s", describe_machine(machines, threads))
    for warning in (kernel_warning(machines), core_warning(machines, threads, remedy)):
        if warning:
            log.warning("%s", warning)


def describe_machine(machines: Sequence[Machine], threads: int) -> str:
    """Return one line on the software, the devices and the cores of all ranks.

    Python 3.11.7, NumPy 2.4.6, OpenBLAS 0.3.31 SkylakeX, AMD EPYC, 2 ranks x 1 thread on 2 cores
    """
    first = machines[0]
    blas = " ".join(filter(None, (first.blas.name, first.blas.version, first.blas.kernel)))
    nodes = group_by_host(machines)
    cores = counted(sum(map(usable_cores, nodes.values())), "core")
    parts = (
        f"Python {platform.python_version()}",
        f"NumPy {np.__version__}",
        blas or "unknown BLAS",
        f"{first.gpu_software}, {first.device}" if first.gpu_software else "",
        first.processor,
        f"{counted(len(machines), 'rank')} x {counted(threads, 'thread')} on {cores}"
        + (f" of {len(nodes)} nodes" if len(nodes) > 1 else ""),
    )
    return ", ".join(filter(None, parts))


def kernel_warning(machines: Sequence[Machine]) -> str:
    """Return a warning if the linear algebra of a rank on a CPU does not use AVX; else "".

    On a GPU the linear algebra of the CPU does not matter.
    """
    slow = [
        machine
        for machine in machines
        if not machine.gpu_software
        and machine.vector_instructions
        and machine.blas.kernel.lower() in GENERIC_KERNELS.split()
    ]
    if not slow:
        return ""
    found = slow[0]
    kernel = KERNEL_OF_INSTRUCTIONS[found.vector_instructions]
    remedies = {
        "OpenBLAS": f"set OPENBLAS_CORETYPE={kernel} in the environment, or install a newer NumPy",
        "BLIS": f"set BLIS_ARCH_TYPE={'skx' if kernel == 'SkylakeX' else 'haswell'}",
    }
    return (
        f"{found.blas.name} {found.blas.version} computes with its kernel {found.blas.kernel} on "
        f"{found.host}, whose processor has {found.vector_instructions}: several times slower than "
        f"it could be; {remedies.get(found.blas.name, 'install a newer NumPy')}"
    )


def core_warning(machines: Sequence[Machine], threads: int, remedy: str) -> str:
    """Return a warning if a node has fewer cores than its ranks have threads; else ""."""
    for host, members in group_by_host(machines).items():
        cores = usable_cores(members)
        if len(members) * threads > cores:
            return (
                f"{counted(len(members), 'rank')} x {counted(threads, 'thread')} share "
                f"{counted(cores, 'core')} on {host}, and wait for one another; {remedy}"
            )
    return ""


def group_by_host(machines: Sequence[Machine]) -> dict[str, list[Machine]]:
    """Return the ranks of each node."""
    nodes: dict[str, list[Machine]] = {}
    for machine in machines:
        nodes.setdefault(machine.host, []).append(machine)
    return nodes


def usable_cores(machines: Sequence[Machine]) -> int:
    """Return how many cores the ranks of one node have together.

    A launcher may bind each rank to its own cores, so the cores of all ranks count. A container
    limits the processor time of all its ranks, so only the largest quota counts.
    """
    cores = len({core for machine in machines for core in machine.cores})
    limits = [machine.quota for machine in machines if machine.quota is not None]
    return cores if len(limits) < len(machines) else min(cores, max(limits))


def counted(number: int, noun: str) -> str:
    """Return `1 core`, `2 cores`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def read_machine(device: Any) -> Machine:
    """Return what this process can compute with, on a Chainer device."""
    processors = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    cores = tuple(sorted(os.sched_getaffinity(0)))
    # joblib knows the quotas of containers (control groups, version 1 and 2), beside the cores.
    quota = joblib.cpu_count()
    name, software = describe_device(device)
    return Machine(
        host=socket.gethostname(),
        device=name,
        gpu_software=software,
        processor=value_of("model name", processors) or platform.machine(),
        vector_instructions=vector_instructions(processors),
        cores=cores,
        quota=quota if quota < len(cores) else None,
        blas=choose_blas(threadpool_info()),
    )


def describe_device(device: Any) -> tuple[str, str]:
    """Return the name of a Chainer device, and the versions of CuPy and CUDA; "" on the CPU."""
    if device.xp.__name__ == "numpy":
        return f"cpu ({platform.machine()})", ""
    runtime = device.xp.cuda.runtime
    name = runtime.getDeviceProperties(device.device.id)["name"].decode()
    version = runtime.runtimeGetVersion()
    cuda = f"CUDA {version // 1000}.{version % 1000 // 10}"
    return f"{device.name} ({name})", f"CuPy {device.xp.__version__}, {cuda}"


def choose_blas(libraries: Sequence[dict[str, Any]]) -> Blas:
    """Return the linear algebra library of NumPy among all that threadpoolctl finds.

    SciPy's wheel has its own library, which may be another version.
    """
    found = [library for library in libraries if library["user_api"] == "blas"]
    if not found:
        return Blas(name="", version="", kernel="", threads=1)
    of_numpy = [library for library in found if "numpy" in library["filepath"]]
    blas = (of_numpy or found)[0]
    return Blas(
        name=BLAS_NAMES.get(blas["internal_api"], blas["internal_api"]),
        version=".".join((blas.get("version") or "").split(".")[:3]),
        kernel=blas.get("architecture") or "",
        threads=blas["num_threads"],
    )


def vector_instructions(processors: str) -> str:
    """Return the widest vector instructions in /proc/cpuinfo: `AVX-512`, `AVX2` or ""."""
    flags = set(value_of("flags", processors).split())
    if flags >= AVX512:
        return "AVX-512"
    return "AVX2" if "avx2" in flags else ""


def value_of(key: str, processors: str) -> str:
    """Return the value of the first line `key : value` of /proc/cpuinfo; "" without one."""
    for line in processors.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def keep_freed_memory() -> None:
    """Let the arrays of an iteration reuse the memory of the last iteration.

    By default glibc returns the memory of every large array to the system. New memory is then
    cleared and mapped page by page, which takes up to a fifth of an iteration. Other C libraries
    stay as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    if mallopt(MMAP_THRESHOLD, LARGEST) or mallopt(MMAP_THRESHOLD, LARGEST_BEFORE):
        # A fixed threshold for mmap also stops the automatic growth of this one.
        mallopt(TRIM_THRESHOLD, LARGEST)
