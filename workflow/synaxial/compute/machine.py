"""What a process computes with: one line at the start, and warnings where it would be slow."""

import logging
import math
import os
import platform
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

log = logging.getLogger(__name__)

#: The names of threadpoolctl and of the libraries' makers.
BLAS_NAMES = {"openblas": "OpenBLAS", "blis": "BLIS", "mkl": "MKL", "flexiblas": "FlexiBLAS"}

#: Kernels of x86 processors without AVX2. A library that does not know a processor falls back to
#: one of them. (Of kernels that it was built without OpenBLAS says any of the names.)
GENERIC_KERNELS = (
    "generic unknown katmai coppermine northwood prescott banias atom core2 penryn dunnington "
    "nehalem athlon opteron opteron_sse3 barcelona nano bobcat sandybridge bulldozer piledriver "
    "steamroller"
)

#: The parts of AVX-512 that OpenBLAS wants for its SkylakeX kernel.
AVX512 = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})

#: The OpenBLAS kernel that processors with these instructions have in common.
KERNEL_OF_INSTRUCTIONS = {"AVX-512": "SkylakeX", "AVX2": "Haswell"}


@dataclass(frozen=True)
class Blas:
    """The library that multiplies NumPy's matrices.

    Attributes
    ----------
    name, version
        Such as OpenBLAS and 0.3.31; empty if unknown.
    kernel
        The processor that its kernel was written for; empty if it does not say.
    threads
        How many threads it would use by itself.
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
    host
        The node's name.
    device
        `cpu (x86_64)`, or a GPU's name.
    gpu_software
        The versions of CuPy and CUDA; empty on the CPU.
    processor
        The CPU's name.
    vector_instructions
        `AVX-512`, `AVX2` or nothing.
    cores
        The numbers of the cores that this process may run on.
    cpu_quota
        The processor time that its control groups allow, in cores, or None.
    blas
        NumPy's linear algebra library.
    """

    host: str
    device: str
    gpu_software: str
    processor: str
    vector_instructions: str
    cores: tuple[int, ...]
    cpu_quota: float | None
    blas: Blas


def announce_machine(machines: Sequence[Machine], threads: int, remedy: str) -> None:
    """Log one line on what a job computes with, and one for each thing that makes it slow.

    Parameters
    ----------
    machines
        Each rank's, by rank.
    threads
        How many threads a rank computes with.
    remedy
        What to do where there are more threads than cores.
    """
    log.info("%s", describe_machine(machines, threads))
    for warning in (kernel_warning(machines), core_warning(machines, threads, remedy)):
        if warning:
            log.warning("%s", warning)


def describe_machine(machines: Sequence[Machine], threads: int) -> str:
    """Return one line on the software, the devices and the cores of all ranks.

    Examples
    --------
    Python 3.11.7, NumPy 2.4.6, OpenBLAS 0.3.31 SkylakeX, AMD EPYC, 2 ranks x 1 thread on 2 cores
    """
    first = machines[0]
    blas = " ".join(filter(None, (first.blas.name, first.blas.version, first.blas.kernel)))
    on_gpus = first.gpu_software != ""
    nodes = group_by_host(machines)
    cores = counted(sum(map(usable_cores, nodes.values())), "core")
    parts = (
        f"Python {platform.python_version()}",
        f"NumPy {np.__version__}",
        blas or "unknown BLAS",
        f"{first.gpu_software}, {first.device}" if on_gpus else "",
        first.processor,
        f"{counted(len(machines), 'rank')} x {counted(threads, 'thread')} on {cores}"
        + (f" of {len(nodes)} nodes" if len(nodes) > 1 else ""),
    )
    return ", ".join(filter(None, parts))


def kernel_warning(machines: Sequence[Machine]) -> str:
    """Return a line if the linear algebra of a rank on a CPU leaves AVX unused; else nothing.

    On GPUs the CPU multiplies nothing that matters.
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
    """Return a line if a node has fewer cores than its ranks have threads; else nothing."""
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

    A launcher may have bound each rank to cores of its own, so it is all of theirs. Control groups
    limit time, not cores, and mostly a whole job's: then the largest quota is that of all.
    """
    cores = len({core for machine in machines for core in machine.cores})
    quotas = [machine.cpu_quota for machine in machines]
    limits = [quota for quota in quotas if quota is not None]
    if len(limits) < len(quotas):
        return cores
    return max(1, min(cores, math.ceil(max(limits))))


def counted(number: int, noun: str) -> str:
    """Return `1 core`, `2 cores`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def read_machine(device: Any) -> Machine:
    """Return what this process can compute with.

    Parameters
    ----------
    device
        The Chainer device that it uses.
    """
    processors = read_text(Path("/proc/cpuinfo"))
    return Machine(
        host=socket.gethostname(),
        device=device_label(device),
        gpu_software=describe_gpu_software(device),
        processor=processor_name(processors),
        vector_instructions=vector_instructions(processors),
        cores=tuple(sorted(os.sched_getaffinity(0))),
        cpu_quota=cpu_quota(read_text(Path("/proc/self/cgroup")), Path("/sys/fs/cgroup")),
        blas=choose_blas(threadpool_info()),
    )


def device_label(device: Any) -> str:
    """Return the name of a GPU, or the processor's architecture."""
    if device.xp.__name__ == "numpy":
        return f"cpu ({platform.machine()})"
    properties = device.xp.cuda.runtime.getDeviceProperties(device.device.id)
    return f"{device.name} ({properties['name'].decode()})"


def describe_gpu_software(device: Any) -> str:
    """Return the versions of CuPy and of CUDA's runtime; nothing for the CPU."""
    if device.xp.__name__ == "numpy":
        return ""
    version = device.xp.cuda.runtime.runtimeGetVersion()
    return f"CuPy {device.xp.__version__}, CUDA {version // 1000}.{version % 1000 // 10}"


def choose_blas(libraries: Sequence[dict[str, Any]]) -> Blas:
    """Return NumPy's linear algebra library among all that threadpoolctl finds.

    SciPy's wheel brings one of its own, which may be another version.
    """
    found = [library for library in libraries if library["user_api"] == "blas"]
    if not found:
        return Blas(name="", version="", kernel="", threads=1)
    mine = [library for library in found if "numpy" in library["filepath"]]
    blas = (mine or found)[0]
    return Blas(
        name=BLAS_NAMES.get(blas["internal_api"], blas["internal_api"]),
        version=".".join((blas.get("version") or "").split(".")[:3]),
        kernel=blas.get("architecture") or "",
        threads=blas["num_threads"],
    )


def processor_name(processors: str) -> str:
    """Return the processor's name from the text of /proc/cpuinfo, or its architecture."""
    return value_of("model name", processors) or platform.machine()


def vector_instructions(processors: str) -> str:
    """Return the widest vector instructions that /proc/cpuinfo has: AVX-512, AVX2 or nothing."""
    flags = set(value_of("flags", processors).split())
    if flags >= AVX512:
        return "AVX-512"
    return "AVX2" if "avx2" in flags else ""


def value_of(key: str, processors: str) -> str:
    """Return the value of the first line `key : value`, or nothing."""
    for line in processors.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def cpu_quota(membership: str, mounted: Path) -> float | None:
    """Return the processor time that a process's control groups allow, in cores, or None.

    Parameters
    ----------
    membership
        The text of /proc/self/cgroup: lines `hierarchy:controllers:path`.
    mounted
        Where the control groups are mounted: /sys/fs/cgroup.
    """
    quotas = []
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        names = controllers.split(",")
        if names == [""]:
            top = mounted
        elif "cpu" in names:
            top = mounted / "cpu"
        else:
            continue
        # A limit of any group above holds too. Seen from a container the path may not exist.
        folder = top / path.lstrip("/")
        for group in (folder, *folder.parents):
            if not group.is_relative_to(top):
                break
            quotas.append(quota_of_group(group))
    limits = [quota for quota in quotas if quota is not None]
    return min(limits) if limits else None


def quota_of_group(group: Path) -> float | None:
    """Return the quota of one control group, of version 2 or 1, in cores; None without one."""
    words = read_text(group / "cpu.max").split()
    if not words:
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        words = [word for name in names for word in read_text(group / name).split()]
    # No limit is `max` in version 2 and -1 in version 1.
    if len(words) != 2 or not words[0].isdigit():
        return None
    quota, period = map(int, words)
    return quota / period


def read_text(path: Path) -> str:
    """Return what one of the kernel's files says; nothing if there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
