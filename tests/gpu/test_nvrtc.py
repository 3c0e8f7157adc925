"""The kernels of Chainer and the engine in a training, compiled for GPUs; no GPU is needed.

The stand-in records each ElementwiseKernel and RawKernel with the types that it is called with.
CuPy's own code then makes the source of it, and NVRTC compiles that. A ReductionKernel would be an
error of the stand-in; a training has none. The kernels of CuPy's own functions are not compiled.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import ROOT
from ..unit.gan.train.conftest import Job
from .conftest import in_process, use_stand_in

pytestmark = [pytest.mark.nvrtc, pytest.mark.mpi]

#: Turing, Ampere, Ampere without double precision, Ada, Hopper, Blackwell.
PROCESSORS = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100")

#: Kernels that every training has: layers, the optimizer, and the exchange of gradients.
SURELY = {"im2col", "col2im", "lrelu", "bn_fwd", "adam", "div_by_size", "cupy_batched_pack_params"}


def interpreter_with_cupy():
    """Return an interpreter that can import CuPy: that of `make kernels`, or this one."""
    for python in filter(Path.exists, (ROOT / ".venv-nvrtc/bin/python", Path(sys.executable))):
        command = [python, "-c", "import cupy"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return python
    pytest.skip("no CuPy here; `make kernels` makes an environment with it")


def test_every_elementwise_and_raw_kernel_compiles_for_every_processor(monkeypatch, tmp_path):
    python = interpreter_with_cupy()
    use_stand_in(monkeypatch, gpus=2)
    record = tmp_path / "kernels.jsonl"
    monkeypatch.setenv("STAND_IN_RECORD", str(record))
    in_process("functions")
    done = Job(tmp_path / "job", options=("--device", "gpu"), epochs=1).run(ranks=2)
    assert done.returncode == 0, done.stderr
    monkeypatch.delenv("PYTHONPATH")
    script = ROOT / "tests" / "gpu" / "compile_kernels.py"
    done = subprocess.run(
        [python, script, record, *PROCESSORS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["failed"] == []
    assert set(found["names"]) >= SURELY
