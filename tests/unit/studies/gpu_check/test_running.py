"""A step that fails, crashes or hangs costs that step alone, and what it found stays."""

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


def step(name, seconds=100.0):
    function = f"tests.unit.studies.gpu_check.steps_of_test:{name}"
    return Step(name, f"it {name}", function, seconds)


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
    for _ in range(100):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie":
            return
        time.sleep(0.05)
    raise AssertionError(f"{child} is still running")


def test_after_each_step_the_record_has_all_until_then(finished):
    check, after, log = finished
    assert [len(record["steps"]) for record in after] == list(range(1, len(check.steps) + 1))
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
    assert "2 passed, 4 failed, 1 not run" in table
    assert max(map(len, table.splitlines())) <= 100


def test_without_a_device_or_time_nothing_more_runs(tmp_path):
    steps = [step("fails"), step("passes")]
    check = run_steps(steps, "gpu", 8, tmp_path / "log", lambda _: None)
    assert [result.status for result in check.steps] == ["failed", "not run"]
    assert check.steps[1].reason == "it fails failed"
    check = run_steps(steps, "gpu", 0.01, tmp_path / "log", lambda _: None)
    assert {result.reason for result in check.steps} == {"the 0.01 minutes are over"}
