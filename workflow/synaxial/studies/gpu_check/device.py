"""The first step: the versions, the driver and the GPUs."""

import importlib.metadata
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from synaxial.compute.chainer_compatibility import chainer
from synaxial.compute.chainermn_compatibility import chainermn
from synaxial.compute.devices import count_gpus, use_one_device, why_no_gpu
from synaxial.compute.machine import read_machine
from synaxial.gan.train import outputs
from synaxial.studies.gpu_check.results import GIB, CheckFailedError, Findings
from synaxial.studies.gpu_check.setting import Setting

#: What else can be done without a GPU.
WITHOUT = "`--device cpu` tries the check without a GPU, and proves nothing about one"

#: What nvidia-smi does not say.
UNKNOWN = "unknown"

#: Seconds that `nvidia-smi` may take.
PATIENCE = 20


def check_device(setting: Setting, findings: Findings) -> None:
    """Find the versions and the device; without a GPU, say what to install."""
    software = outputs.describe_software()
    torch = version_of("torch")
    versions = software["versions"]
    commit = outputs.git_commit(Path(outputs.__file__)) or UNKNOWN
    findings.note("", versions=versions | {"torch": torch or "none"}, commit=commit)
    named = [f"{name} {versions[name]}" for name in ("synaxial", "python", "numpy", "chainer")]
    findings.note(", ".join([*named, f"PyTorch {torch}" if torch else "no PyTorch"]))
    if setting.device == "gpu":
        describe_gpus(findings)
    machine = read_machine(use_one_device(setting.device))
    findings.note(
        f"{machine.device}, {machine.processor}, {len(machine.cores)} cores",
        device=machine.device,
        processor=machine.processor,
        cores=len(machine.cores),
    )
    findings.note(describe_mpi())


def version_of(package: str) -> str:
    """Return the version of an installed package; "" if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def describe_gpus(findings: Findings) -> None:
    """Note CuPy, CUDA, the driver, NCCL, and the GPUs with their memory."""
    count = count_gpus()
    if count == 0:
        raise CheckFailedError(f"{why_no_gpu()}; {WITHOUT}")
    cupy = chainer.backends.cuda.cupy
    runtime = cupy.cuda.runtime
    known = [ask_driver(runtime.deviceGetPCIBusId(number)) for number in range(count)]
    driver = known[0][0]
    cuda, newest = (
        f"{number // 1000}.{number % 1000 // 10}"
        for number in (runtime.runtimeGetVersion(), runtime.driverGetVersion())
    )
    nccl = nccl_version(cupy)
    findings.note(
        f"CuPy {cupy.__version__}, CUDA {cuda}, driver {driver} for CUDA up to {newest}, {nccl}",
        cuda=cuda,
        driver_cuda=newest,
        driver=driver,
        nccl=nccl,
    )
    for number in range(count):
        properties = runtime.getDeviceProperties(number)
        name, memory = properties["name"].decode(), int(properties["totalGlobalMem"])
        capability = f"{properties['major']}.{properties['minor']}"
        findings.note(
            f"GPU {number}: {name}, {memory / GIB:.0f} GiB, compute capability {capability}",
            **{
                f"gpu_{number}": name,
                f"gpu_{number}_uuid": known[number][1],
                f"gpu_{number}_bytes": memory,
            },
        )
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    findings.note(
        "checked: GPU 0" + (f" of CUDA_VISIBLE_DEVICES={visible}" if visible else ""),
        gpu_checked=0,
        cuda_visible_devices=visible,
    )


def nccl_version(cupy: Any) -> str:
    """Return the version of NCCL, or "no NCCL"."""
    if not chainermn.nccl._available:
        return "no NCCL"
    number = cupy.cuda.nccl.get_version()
    return f"NCCL {number // 10000}.{number % 10000 // 100}.{number % 100}"


def ask_driver(bus: str) -> tuple[str, str]:
    """Return the version of NVIDIA's driver and the UUID of the GPU at a PCI bus id.

    `nvidia-smi` says them. They are "unknown" if it does not.
    """
    # CuPy has the bytes of the UUID too, but only those before the first zero.
    program = shutil.which("nvidia-smi")
    if program is None:
        return UNKNOWN, UNKNOWN
    query = ["--query-gpu=driver_version,uuid", "--format=csv,noheader", f"--id={bus}"]
    try:
        done = subprocess.run(
            [program, *query], capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        version, uuid = done.stdout.strip().split(", ")
    except (OSError, ValueError, subprocess.SubprocessError):
        return UNKNOWN, UNKNOWN
    return version, uuid


def describe_mpi() -> str:
    """Return the MPI library in one line."""
    from mpi4py import MPI  # noqa: PLC0415

    return MPI.Get_library_version().splitlines()[0].strip("\0 \n")[:60]
