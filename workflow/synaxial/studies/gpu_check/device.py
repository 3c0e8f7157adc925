"""The first step: the versions, the driver and the GPUs."""

import importlib.metadata
import shutil
import subprocess
from typing import Any

from synaxial.compute.devices import use_one_device
from synaxial.compute.machine import read_machine
from synaxial.gan.train.outputs import describe_software
from synaxial.studies.gpu_check.results import GIB, CheckFailedError, Findings
from synaxial.studies.gpu_check.setting import Setting

#: What to do without a GPU.
REMEDY = (
    "install CuPy for the CUDA of your driver (envs/cuda12.txt or envs/cuda13.txt) and run the "
    "check on a node with a GPU; `--device cpu` runs it without one, and proves the check only"
)


def check_device(setting: Setting, findings: Findings) -> None:
    """Find the versions and the device; without a GPU, say what to install."""
    software = describe_software()
    torch = version_of("torch")
    findings.note("", versions=software["versions"] | {"torch": torch or "none"})
    versions = software["versions"]
    named = [f"{name} {versions[name]}" for name in ("python", "numpy", "chainer")]
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
    cupy = import_cupy()
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise CheckFailedError(f"CuPy finds no GPU ({error}); {REMEDY}") from None
    if count == 0:
        raise CheckFailedError(f"CuPy finds no GPU; {REMEDY}")
    cuda, driver = (
        f"{number // 1000}.{number % 1000 // 10}"
        for number in (runtime.runtimeGetVersion(), runtime.driverGetVersion())
    )
    nccl = nccl_version(cupy)
    findings.note(
        f"CuPy {cupy.__version__}, CUDA {cuda}, driver {driver_version()} for CUDA {driver}, "
        f"{nccl or 'no NCCL'}",
        cuda=cuda,
        driver_cuda=driver,
        driver=driver_version(),
        nccl=nccl,
    )
    for number in range(count):
        properties = runtime.getDeviceProperties(number)
        name, memory = properties["name"].decode(), int(properties["totalGlobalMem"])
        capability = f"{properties['major']}.{properties['minor']}"
        findings.note(
            f"GPU {number}: {name}, {memory / GIB:.0f} GiB, compute capability {capability}",
            **{f"gpu_{number}": name, f"gpu_{number}_bytes": memory},
        )


def import_cupy() -> Any:
    """Import CuPy, with all that Chainer needs of it."""
    try:
        import cupy  # noqa: PLC0415
    except Exception as error:
        words = " ".join(str(error).split())[:150]
        raise CheckFailedError(f"CuPy cannot be imported ({words}); {REMEDY}") from None
    return cupy


def nccl_version(cupy: Any) -> str:
    """Return the version of NCCL; "" if CuPy finds none."""
    nccl = getattr(cupy.cuda, "nccl", None)
    if nccl is None or not getattr(nccl, "available", True):
        return ""
    number = nccl.get_version()
    return f"NCCL {number // 10000}.{number % 10000 // 100}.{number % 100}"


def driver_version() -> str:
    """Return the version of NVIDIA's driver by `nvidia-smi`; "unknown" without it."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "unknown"
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return (done.stdout.split() or ["unknown"])[0]


def describe_mpi() -> str:
    """Return the MPI library in one line."""
    from mpi4py import MPI  # noqa: PLC0415

    return MPI.Get_library_version().splitlines()[0].strip("\0 \n")[:60]
