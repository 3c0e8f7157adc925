"""What single steps do with what only a GPU does: errors of CUDA, small memory, chance."""

import os
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.studies.gpu_check import agreement, device, resume, sampling, timing
from synaxial.studies.gpu_check.function_cases import CASES
from synaxial.studies.gpu_check.functions import compare_functions
from synaxial.studies.gpu_check.results import CheckFailedError, Findings, NotRunError
from synaxial.studies.gpu_check.setting import Setting

pytestmark = pytest.mark.mpi


@pytest.fixture
def setting(tmp_path):
    return Setting("cpu", tmp_path)


@pytest.fixture
def findings(tmp_path):
    return Findings(tmp_path / "result.json", "a step", "a step")


class CUDARuntimeError(RuntimeError):
    """By its name one of CuPy's."""


@pytest.mark.parametrize(("error", "compared"), [(CUDARuntimeError, 2), (ValueError, 4)])
def test_nothing_is_compared_after_an_error_of_cuda(
    error, compared, setting, findings, monkeypatch
):
    def compare(device, cases):
        if cases[0] is CASES[2]:
            raise error("an illegal memory access was encountered")
        return compare_functions(device, cases)

    monkeypatch.setattr(agreement, "CASES", CASES[:5])
    monkeypatch.setattr(agreement, "compare_functions", compare)
    with pytest.raises(CheckFailedError) as caught:
        agreement.check_functions(setting, findings)
    assert findings.result.found[0].startswith(f"{compared} of 5 functions compared")
    end = "; the 2 functions after it were not compared" if error is CUDARuntimeError else ""
    assert str(caught.value).endswith(f"from the CPU: {CASES[2].name}{end}")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('[ "$3" = --id=0000:3B:00.0 ] && echo 580.65.06, GPU-1a2b', ("580.65.06", "GPU-1a2b")),
        ("echo NVIDIA-SMI has failed; exit 9", ("unknown", "unknown")),
        ("exec sleep 60", ("unknown", "unknown")),
        ("exit 0", ("unknown", "unknown")),
    ],
)
def test_a_driver_that_does_not_answer_is_unknown(script, said, tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(device, "PATIENCE", 2)
    assert device.ask_driver("0000:3B:00.0") == said


def test_too_little_memory_for_a_batch_size_is_a_finding(findings):
    measured = []

    def measure(batch_size):
        if batch_size == 64:
            raise MemoryError("Out of memory allocating 1,000 bytes")
        measured.append(batch_size)

    timing.for_each_batch_size(measure, findings, MemoryError)
    assert measured == [8]
    assert findings.result.found == ["batch 64: not enough memory"]
    assert findings.result.measured == {"fits_batch_64": False}


def test_a_gpu_without_tf32_is_not_measured_with_it(tmp_path, monkeypatch):
    for capability, refused in (("75", True), ("80", False), ("100", False)):
        gpu = SimpleNamespace(compute_capability=capability)
        cupy = SimpleNamespace(cuda=SimpleNamespace(Device=lambda gpu=gpu: gpu))
        monkeypatch.setattr(chainer.backends.cuda, "cupy", cupy)
        with pytest.raises(NotRunError, match=r"GPU has 7\.5") if refused else nullcontext():
            timing.check_tf32(Setting("gpu", tmp_path))
    with pytest.raises(NotRunError, match="needs a GPU"):
        timing.check_tf32(Setting("cpu", tmp_path))


@pytest.mark.parametrize(
    ("chance", "verdict"),
    [(False, "resuming loses state"), (True, "the device is not deterministic: 1 arrays")],
)
def test_what_makes_a_resumed_training_differ_is_found_out(
    chance, verdict, setting, findings, monkeypatch
):
    started = []

    def train_until(setting, folder, iteration):
        path = folder / "paper_1" / f"iteration_{iteration:09d}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        started.append(folder.name)
        other = len(started) if chance else folder.name == "resumed"
        np.savez(path, weights=np.array([1, other]), bias=np.ones(1))
        return f"iteration_{resume.KILLED:09d}.npz"

    monkeypatch.setattr(resume, "train_until", train_until)
    with pytest.raises(CheckFailedError, match=f"1 arrays differ, such as weights; .*{verdict}"):
        resume.check_resume(setting, findings)
    assert started == ["straight", "resumed", "resumed", "again"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows shared memory as files")
def test_a_killed_training_leaves_no_shared_memory(setting, tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        # A user's temporary files can be there, too.
        shared, temporary = Path(f"{folder}-shared"), Path(folder, "temporary")
        program = tmp_path / "program"
        program.write_text(
            f"""#!{sys.executable}
import mmap, pathlib, time
maps = []
for path in {str(shared)!r}, {str(temporary)!r}:
    with open(path, "w+b") as file:
        file.truncate(4096)
        maps.append(mmap.mmap(file.fileno(), 4096))
pathlib.Path({str(tmp_path / "ready")!r}).touch()
time.sleep(60)
"""
        )
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        with resume.started(setting, tmp_path) as process:
            while not (tmp_path / "ready").exists():
                assert process.poll() is None
                time.sleep(0.02)
            assert shared.exists()
        assert not shared.exists()
        assert temporary.exists()


def test_flat_images_prove_nothing(setting, findings, monkeypatch):
    flat = np.full((sampling.IMAGES, 64, 64, 3), 7, np.uint8)
    monkeypatch.setattr(sampling, "sample", lambda trained, device: flat)
    with pytest.raises(CheckFailedError, match="the images of paper have no contrast"):
        sampling.check_sampling(setting, findings)
