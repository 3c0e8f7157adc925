"""What is read from squeue, and when a job refuses to follow another; tests/slurm has the rest."""

import json
import subprocess

import numpy as np
import pytest

from synaxial.gan.train import slurm
from synaxial.gan.train.slurm import SlurmJob, as_seconds, find_job, follow_last_job, record_job
from synaxial.io.errors import SynaxialError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:30", 30),
        ("59:01", 3541),
        ("2:03:04", 7384),
        ("1-02:03:04", 93784),
        ("UNLIMITED", np.inf),
        ("NOT_SET", np.inf),
        ("INVALID", np.inf),
    ],
)
def test_durations_of_squeue(text, seconds):
    assert as_seconds(text) == seconds


def test_without_slurm_there_is_no_job(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_job(1) is None
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert slurm.own_job() is None


def job(number, name, state="RUNNING"):
    return SlurmJob(number, name, state, np.inf)


@pytest.fixture
def known(monkeypatch):
    """The jobs that Slurm knows, by number: what squeue would say, without squeue."""
    jobs = {}
    monkeypatch.setattr(slurm, "find_job", jobs.get)
    return jobs


def test_a_cancelled_job_is_not_retried_by_the_same_run(tmp_path, known):
    record_job(tmp_path, job(7, "run"))
    known[7] = job(7, "run", "CANCELLED")
    with pytest.raises(SynaxialError, match=r"Slurm job 7: it was cancelled.*repeat the command"):
        follow_last_job(tmp_path, job(8, "run"))
    # The user's next command is another run.
    follow_last_job(tmp_path, job(9, "another"))


@pytest.mark.parametrize("state", ["TIMEOUT", "FAILED", "PREEMPTED", "NODE_FAIL", "COMPLETED"])
def test_a_job_that_ended_otherwise_is_followed(tmp_path, known, state):
    record_job(tmp_path, job(7, "run"))
    known[7] = job(7, "run", state)
    follow_last_job(tmp_path, job(8, "run"))


def test_a_slurm_that_does_not_answer_is_told_in_one_line(tmp_path, known, monkeypatch):
    """A scancel that hangs, by a stand-in: a real one cannot be made to hang."""

    def hang(command, **_):
        raise subprocess.TimeoutExpired(command, 60)

    monkeypatch.setattr(slurm.subprocess, "run", hang)
    monkeypatch.setattr(slurm, "ENDING_SECONDS", -1)
    record_job(tmp_path, job(7, "killed"))
    known[7] = job(7, "killed")
    with pytest.raises(SynaxialError, match=r"Slurm job 7: .* still RUNNING after scancel"):
        follow_last_job(tmp_path, job(8, "run"))


def test_a_requeued_job_follows_itself(tmp_path, known):
    record_job(tmp_path, job(7, "run"))
    known[7] = job(7, "run")
    follow_last_job(tmp_path, job(7, "run"))


def test_outside_slurm_nothing_is_written_or_asked(tmp_path):
    record_job(tmp_path, None)
    follow_last_job(tmp_path, None)
    assert list(tmp_path.iterdir()) == []
    record_job(tmp_path, job(7, "run"))
    assert json.loads((tmp_path / slurm.RECORD).read_text()) == {"number": 7, "name": "run"}
