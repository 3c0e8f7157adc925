"""The command on the CPU: steps of each kind, the files, and the exit status."""

import errno
import os

import pytest

from synaxial.compute.devices import count_gpus
from synaxial.io.files import read_json
from synaxial.studies.gpu_check import command
from synaxial.studies.gpu_check.results import GpuCheck, StepResult
from synaxial.studies.gpu_check.steps import STEPS, Step

#: tests/gpu/test_check.py runs all of them, on a stand-in for a GPU.
SOME = ("device", "resume", "sampling", "compiled_tf32")

pytestmark = pytest.mark.mpi


def test_the_check_passes_on_the_cpu_and_says_that_this_proves_no_gpu(
    run_synaxial, tmp_path, monkeypatch
):
    steps = [step for step in STEPS if step.name in SOME]
    monkeypatch.setattr(command, "STEPS", steps)
    output = tmp_path / "check"
    done = run_synaxial("study", "gpu-check", "--output", output, "--device", "cpu")
    record = read_json(output / command.RECORD)
    found = {step["name"]: step for step in record["steps"]}
    assert {name: step["status"] for name, step in found.items()} == {
        **dict.fromkeys(SOME, "passed"),
        "compiled_tf32": "not run",
    }, done.stdout
    assert done.returncode == 0
    assert "It proves nothing about a GPU" in record["proves"]
    assert record["finished"]
    assert (output / command.TABLE).read_text() in done.stdout
    # Something was compared.
    assert found["device"]["measured"]["device"].startswith("cpu")
    assert found["sampling"]["measured"]["paper_largest"] == 0


def test_a_step_that_fails_makes_the_status_1(run_synaxial, tmp_path, monkeypatch):
    lost = Step("lost", "lost", "synaxial.studies.gpu_check.nowhere:check", 60)
    monkeypatch.setattr(command, "STEPS", [STEPS[0], lost])
    done = run_synaxial("study", "gpu-check", "--output", tmp_path, "--device", "cpu")
    assert done.returncode == 1
    assert "Passed: 1 of 2 steps" in done.stdout
    assert "Failed: lost." in done.stdout
    assert "cannot be imported" in done.stdout


def test_a_check_without_time_for_all_proofs_is_no_success(run_synaxial, tmp_path, monkeypatch):
    def run_steps(steps, device, minutes, log, after_each):
        results = [StepResult(name=s.name, title=s.title, status="passed") for s in steps]
        results[-1].status, results[-1].reason = "no time", "the 8 minutes were over"
        return GpuCheck(device=device, proves="nothing", minutes=minutes, steps=results)

    monkeypatch.setattr(command, "run_steps", run_steps)
    monkeypatch.setattr(command, "STEPS", STEPS[:3])
    done = run_synaxial("study", "gpu-check", "--output", tmp_path, "--device", "cpu")
    assert done.returncode == 1
    said = f"Not checked: {STEPS[2].title} (the 8 minutes were over). Give more --minutes."
    assert said in " ".join(done.stdout.split())
    few = ("--device", "cpu", "--minutes", 3)
    assert run_synaxial("study", "gpu-check", "--output", tmp_path, *few).returncode != 0


@pytest.mark.skipif(count_gpus() > 0, reason="this machine has a GPU")
def test_an_interrupted_check_leaves_no_table_of_an_earlier_one(
    run_synaxial, tmp_path, monkeypatch
):
    def run_steps(steps, device, minutes, log, after_each):
        after_each(GpuCheck(device=device, proves="nothing", minutes=minutes))
        raise SystemExit(143)

    (tmp_path / command.TABLE).write_text("9 passed")
    monkeypatch.setattr(command, "run_steps", run_steps)
    done = run_synaxial("study", "gpu-check", "--output", tmp_path, "--device", "cpu")
    assert done.returncode == 143
    assert f"interrupted; what was checked is in {tmp_path / command.RECORD}" in done.stderr
    assert not (tmp_path / command.TABLE).exists()
    assert not read_json(tmp_path / command.RECORD)["finished"]


def test_a_disk_that_becomes_full_costs_no_result(run_synaxial, tmp_path, monkeypatch):
    written = []

    def write_json(path, content):
        written.append(len(content["steps"]))
        if content["steps"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(command, "write_json", write_json)
    monkeypatch.setattr(command, "STEPS", STEPS[:1])
    done = run_synaxial("study", "gpu-check", "--output", tmp_path, "--device", "cpu")
    assert written == [0, 1]
    assert done.returncode == 1
    assert "Passed: 1 of 1 steps" in done.stdout
    full = f"{tmp_path / command.RECORD}: No space left on device; the results are only in the"
    assert done.stderr.startswith(full)


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_a_folder_that_cannot_be_written_is_said_at_once(
    device, run_synaxial, tmp_path, assert_clear_error
):
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"
    done = run_synaxial("study", "gpu-check", "--output", folder, "--device", device)
    assert_clear_error(done, f"{folder}: Not a directory")
    done = run_synaxial("study", "gpu-check", "--output", "", "--device", device)
    assert_clear_error(done, "--output: found no name; expected a folder")


def test_a_file_is_no_folder_of_results(run_synaxial, tmp_path, assert_clear_error):
    (tmp_path / "file").touch()
    done = run_synaxial("study", "gpu-check", "--output", tmp_path / "file")
    assert_clear_error(done, "--output: ")
    assert "is a file; expected a folder" in done.stderr


def test_without_a_gpu_one_line_says_what_to_install(run_synaxial, tmp_path, assert_clear_error):
    done = run_synaxial("study", "gpu-check", "--output", tmp_path)
    assert_clear_error(done, "CuPy is not installed; install")
    assert "envs/cuda12.txt or envs/cuda13.txt" in done.stderr
    assert "--device cpu" in done.stderr
    record = read_json(tmp_path / command.RECORD)
    assert {step["status"] for step in record["steps"]} == {"failed", "not run"}


def test_another_device_is_refused(run_synaxial, tmp_path, assert_clear_error):
    done = run_synaxial("study", "gpu-check", "--output", tmp_path, "--device", "auto")
    assert_clear_error(done, "--device: found 'auto'; expected gpu or cpu")
