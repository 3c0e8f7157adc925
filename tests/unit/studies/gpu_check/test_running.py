"""A step that fails, crashes or hangs costs that step alone, and what it found stays."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from synaxial.io.files import read_json, write_json
from synaxial.studies.gpu_check.results import table_of
from synaxial.studies.gpu_check.running import run_steps
from synaxial.studies.gpu_check.steps import Step

ROOT = Path(__file__).parents[4]
LIMIT = 12.0


def step(name, seconds=100.0, kind="proof"):
    function = f"tests.unit.studies.gpu_check.steps_of_test:{name}"
    return Step(name, f"it {name}", function, seconds, kind)


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    # The processes of the steps import the tests from here.
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The check of all kinds of steps, and what was on the disk after each of them."""
    folder = tmp_path_factory.mktemp("check")
    names = ["passes", "fails", "raises", "is_not_run", "crashes", "hangs"]
    steps = [step(name, LIMIT if name == "hangs" else 100) for name in names]
    after = []

    def after_each(check):
        write_json(folder / "gpu-check.json", check.model_dump(mode="json"))
        after.append(read_json(folder / "gpu-check.json"))

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        check = run_steps([*steps, step("passes")], "cpu", 8, folder / "log", after_each)
    return check, after, (folder / "log").read_text()


def test_each_step_has_its_status_and_the_next_one_runs(finished):
    check, _, _ = finished
    assert [result.status for result in check.steps] == [
        *("passed", "failed", "failed", "not run", "failed", "failed", "passed")
    ]
    assert [result.reason for result in check.steps] == [
        "",
        "too far from the CPU",
        "ValueError: a mistake of the step",
        "there is one GPU",
        "its process ended with SIGABRT",
        f"still running after {LIMIT:.0f} s, killed",
        "",
    ]
    assert [result.name for result in check.failed] == ["fails", "raises", "crashes", "hangs"]


def test_what_a_crashed_or_hanging_step_has_found_stays(finished):
    check, _, _ = finished
    found = {result.name: result for result in check.steps}
    assert found["crashes"].found == ["before the crash"]
    assert found["hangs"].found == ["before the hanging"]
    assert found["passes"].measured == {"number": 1.5, "undefined": "nan", "several": [1, "inf"]}
    assert LIMIT <= found["hangs"].seconds < LIMIT + 15


def test_no_process_of_a_hanging_step_outlives_it(finished):
    check, _, _ = finished
    child = next(result for result in check.steps if result.name == "hangs").measured["child"]
    assert ends(child)


def ends(process):
    """Whether a process ends within some seconds."""
    for _ in range(200):
        try:
            if psutil.Process(process).status() == "zombie":
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def start_a_check_that_hangs(folder):
    """Start a check; return it, and the numbers of the hanging step and of the step's child."""
    code = f"""
from pathlib import Path
from synaxial.studies.gpu_check.running import run_steps
from tests.unit.studies.gpu_check.test_running import step
run_steps([step("hangs")], "cpu", 8, Path({str(folder)!r}, "log"), print)
"""
    check = subprocess.Popen([sys.executable, "-c", code])
    for _ in range(600):
        log = folder / "log"
        found = re.search(r"hanging (\d+) (\d+)\n", log.read_text() if log.exists() else "")
        if found is not None:
            return check, int(found[1]), int(found[2])
        time.sleep(0.05)
    check.kill()
    raise AssertionError("the step did not start")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_check_ends_its_step_and_all_of_it(number, tmp_path):
    check, hanging, child = start_a_check_that_hangs(tmp_path)
    check.send_signal(number)
    assert check.wait(20) == 128 + number
    assert ends(hanging)
    assert ends(child)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can do that")
def test_a_step_does_not_outlive_a_check_that_was_killed(tmp_path):
    check, hanging, child = start_a_check_that_hangs(tmp_path)
    check.kill()
    check.wait(20)
    try:
        assert ends(hanging)
    finally:
        # Unlike the processes of the real steps it did not ask to be ended.
        os.kill(child, signal.SIGKILL)


def test_speed_that_cannot_be_measured_is_no_failure(tmp_path):
    steps = [step("passes"), step("raises", kind="speed"), step("passes", kind="speed")]
    check = run_steps(steps, "cpu", 8, tmp_path / "log", lambda _: None)
    assert [result.status for result in check.steps] == ["passed", "not measured", "passed"]
    assert check.steps[1].reason == "ValueError: a mistake of the step"
    assert check.failed == check.unproven == []
    assert "Passed: 2 of 3 steps" in table_of(check)
    assert "Not checked: it raises (ValueError: a mistake of the step)." in table_of(check)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /dev/full")
def test_a_log_on_a_full_disk_costs_the_log_only():
    check = run_steps([step("passes"), step("raises")], "cpu", 8, Path("/dev/full"), lambda _: None)
    assert [result.status for result in check.steps] == ["passed", "failed"]
    assert check.steps[1].reason == "ValueError: a mistake of the step"


def test_a_proof_without_time_is_said(tmp_path):
    """The second step hangs until the time of all is over, and the next ones have none."""
    # Its own limit is longer than the time that is left.
    steps = [step("passes", 1000), step("hangs", 1000), step("fails")]
    steps += [step("passes", kind="speed")]
    check = run_steps(steps, "cpu", 0.3, tmp_path / "log", lambda _: None)
    assert [result.status for result in check.steps] == [
        *("passed", "no time", "no time", "not measured")
    ]
    assert check.steps[1].reason.endswith("when the 0.3 minutes were over, killed")
    assert check.failed == []
    verdict = " ".join(table_of(check).split())
    assert "Not checked: it hangs (" in verdict
    assert "killed); it fails, it passes (the 0.3 minutes were over). Give more --min" in verdict


def test_no_setting_of_tf32_reaches_a_step(tmp_path, monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "1")
    monkeypatch.setenv("CUPY_TF32", "1")
    steps = [step("says_its_environment")]
    check = run_steps(steps, "cpu", 8, tmp_path / "log", lambda _: None)
    assert check.steps[0].measured == {"CUPY_TF32": "0", "NVIDIA_TF32_OVERRIDE": "unset"}


def test_after_each_step_the_record_has_all_until_then(finished):
    check, after, log = finished
    assert [len(record["steps"]) for record in after] == list(range(len(check.steps) + 1))
    assert [record["finished"] for record in after] == [False] * (len(after) - 1) + [True]
    assert "a mistake of the step" in log
    assert "Traceback" in log


def test_the_table_has_a_line_for_each_step(finished):
    check, _, _ = finished
    table = table_of(check)
    assert table.startswith("The device is the CPU")
    assert "It proves nothing about a GPU" in " ".join(table.split())
    for result in check.steps:
        line = next(line for line in table.splitlines() if line.startswith(result.title))
        assert result.status in line
    verdict = " ".join(table.rpartition("\n\n")[2].split())
    assert verdict.startswith("Passed: 2 of 7 steps, in ")
    assert "Failed: it fails, it raises, it crashes, it hangs." in verdict
    assert verdict.endswith("Not checked: it is_not_run (there is one GPU).")
    assert max(map(len, table.splitlines())) <= 100


def test_without_a_device_or_time_nothing_more_runs(tmp_path):
    steps = [step("fails"), step("passes")]
    check = run_steps(steps, "gpu", 8, tmp_path / "log", lambda _: None)
    assert [result.status for result in check.steps] == ["failed", "not run"]
    assert check.steps[1].reason == "it fails failed"
    check = run_steps(steps, "gpu", 0.01, tmp_path / "log", lambda _: None)
    assert {result.reason for result in check.steps} == {"the 0.01 minutes were over"}
