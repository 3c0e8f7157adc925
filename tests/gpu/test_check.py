"""The check passes on the stand-in and on a GPU, and it fails if kernels are wrong."""

import pytest
import typer

from synaxial.io.files import read_json
from synaxial.studies.gpu_check import command, running
from synaxial.studies.gpu_check.steps import STEPS

from ..conftest import ROOT
from .conftest import need_gpus, use_stand_in

pytestmark = pytest.mark.mpi

#: The steps that ordinary CI runs. The others are trainings and images, which have tests of their
#: own, and speed. All steps together take more than a minute.
SOME = ("device", "functions", "ranks")
ALL = tuple(step.name for step in STEPS)

#: The stand-in has compute capability 0, and there is no PyTorch.
NEED_MORE = {"speed_tf32", "eager", "eager_tf32", "compiled", "compiled_tf32"}

#: The kernels of convolutions, and the one that averages the gradients of ranks.
KERNELS_TO_BREAK = "im2col,col2im,div_by_size"


@pytest.fixture
def check(monkeypatch, tmp_path):
    """Run steps of the check on two devices of the stand-in; its status and its steps by name."""
    use_stand_in(monkeypatch, gpus=2)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(running, "PROCESS", "tests.gpu.small_step")

    def run(steps):
        monkeypatch.setattr(command, "STEPS", steps)
        status = 0
        try:
            command.run(tmp_path / "check", "gpu", minutes=60)
        except typer.Exit as end:
            status = end.exit_code
        record = read_json(tmp_path / "check" / command.RECORD)
        return status, {step["name"]: step for step in record["steps"]}

    return run


@pytest.mark.parametrize("names", [SOME, pytest.param(ALL, marks=pytest.mark.long)], ids=len)
def test_the_check_passes_where_all_is_right(names, check, capsys):
    status, steps = check([step for step in STEPS if step.name in names])
    table = capsys.readouterr().out
    assert status == 0, table
    passed = [name for name in names if steps[name]["status"] == "passed"]
    assert set(names) - set(passed) == set(names) & NEED_MORE
    verdict = " ".join(table.split())
    assert f"Passed: {len(passed)} of {len(names)} steps" in verdict
    if names is ALL:
        assert "Not checked: speed in TF32, " in verdict
        assert "(TF32 needs compute capability 8.0; this GPU has 0.0)" in verdict
        assert steps["resume"]["measured"]["arrays"] > 100
        assert len(steps["coarse"]["measured"]["losses"]["values"]) == 10
    assert steps["ranks"]["measured"]["communicator"] == "PureNcclCommunicator"
    assert steps["ranks"]["measured"]["largest_difference"]["limit"] == 1e-5
    # The stand-in computes with Chainer's functions what the CPU computes with the engine's: the
    # errors are those of rounding in another order, and the limits leave room for a GPU's. The
    # largest is that of the coarse generator's gradients, 4e-5: in float32 either side is up to
    # 2.4e-5 from float64.
    functions = steps["functions"]["measured"].values()
    errors = [error for orders in functions for error in orders.values() if error["value"]]
    assert len(errors) > 50
    assert all(error["value"] < error["limit"] / 2 for error in errors)
    found = steps["device"]["measured"]
    assert found["gpu_0_uuid"] == found["driver"] == "unknown"
    assert len(found["commit"].removesuffix("-dirty")) == 40


def test_wrong_kernels_make_it_fail(check, monkeypatch, capsys):
    monkeypatch.setenv("STAND_IN_FAULT", KERNELS_TO_BREAK)
    names = ("device", "functions", "paper", "ranks")
    status, steps = check([step for step in STEPS if step.name in names])
    assert status == 1
    assert [step["status"] for step in steps.values()] == ["passed", "failed", "failed", "failed"]
    functions = steps["functions"]["reason"]
    assert "convolution 3 x 3" in functions
    assert "bilinear" not in functions
    table = " ".join(capsys.readouterr().out.split())
    assert "Passed: 1 of 4 steps" in table
    assert "Failed: functions, 20 iterations: paper, two ranks." in table


@pytest.mark.gpu
def test_the_check_passes_on_this_gpu(tmp_path, capsys):
    """All its steps, as `make gpu-check` runs them."""
    need_gpus(1)
    try:
        command.run(tmp_path, "gpu", minutes=8)
    except typer.Exit:
        pytest.fail(capsys.readouterr().out)
    assert read_json(tmp_path / command.RECORD)["finished"]
