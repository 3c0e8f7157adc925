"""Where a test of this folder runs: on the stand-in for CuPy, in ordinary CI, and on a real GPU.

A test with the fixture `device` runs twice. On the stand-in it shows that the path is right: it
finds arrays of the host on the device, missing transfers and wrong names. Under the mark `gpu` it
runs on a GPU, and shows that the numbers are right.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from synaxial.compute.devices import count_gpus, why_no_gpu

from ..conftest import ROOT

STAND_IN = Path(__file__).parent / "stand_in"

#: Compiled kernels of the stand-in; the tests of one checkout share them.
KERNELS = ROOT / ".pytest_cache" / "stand_in"


def need_gpus(count):
    """Skip a test without as many GPUs."""
    found = count_gpus()
    if found < count:
        pytest.skip(why_no_gpu() or f"CuPy finds {found} GPUs, {count} needed")


def use_stand_in(monkeypatch, gpus=1):
    """Let processes that a test starts find the stand-in in place of CuPy."""
    if shutil.which("g++") is None:
        pytest.skip("the stand-in for CuPy compiles kernels with g++, which is missing")
    paths = [str(STAND_IN), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("STAND_IN_CACHE", str(KERNELS))
    monkeypatch.setenv("STAND_IN_GPUS", str(gpus))


def provide(kind, monkeypatch, gpus):
    """Let processes that a test starts find a number of devices: GPUs, or those of the stand-in."""
    if kind == "gpu":
        need_gpus(gpus)
    else:
        use_stand_in(monkeypatch, gpus)


KINDS = ["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)]


@pytest.fixture(params=KINDS)
def device(request, monkeypatch):
    """Let processes find one device; its kind."""
    provide(request.param, monkeypatch, 1)
    return request.param


@pytest.fixture(params=KINDS)
def two_devices(request, monkeypatch):
    """Let processes find two devices; their kind."""
    provide(request.param, monkeypatch, 2)
    return request.param


@pytest.fixture
def cupy(monkeypatch):
    """The stand-in as a module of this process; another `cupy` is put back afterwards."""
    use_stand_in(monkeypatch)
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if is_cupy(name)}
    monkeypatch.syspath_prepend(STAND_IN)
    import cupy

    yield cupy
    for name in list(sys.modules):
        if is_cupy(name):
            del sys.modules[name]
    sys.modules.update(kept)


def is_cupy(name):
    """Whether a module is one of CuPy."""
    return name.partition(".")[0] in {"cupy", "cupyx"}


def in_process(module, *arguments):
    """Run a module of this folder in a process, and return what it prints."""
    command = [sys.executable, "-m", f"tests.gpu.{module}", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(*lines):
    """Run commands of Synaxial, each a list of words, one after the other in one process."""
    in_process("commands", json.dumps([[str(word) for word in line] for line in lines]))
