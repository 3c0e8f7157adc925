"""Snakemake runs as many jobs at once as there are cores; it has not in some versions.

From 9.10 to 9.16 a job that was the only one ready was not counted when it began, but given back
when it had ended (snakemake issue 3913): six trainings ran on two cores.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.snakemake

SNAKEMAKE = Path(sys.executable).with_name("snakemake")

JOBS = 7

# Each job says when it began and ended. `first` is the only one ready, and ends before they begin.
SNAKEFILE = f"""
rule all:
    input: expand("{{number}}.txt", number=range({JOBS}))

rule first:
    output: "first.txt"
    resources: trainings=1
    shell: "touch {{output}}"

rule job:
    input: "first.txt"
    output: "{{number}}.txt"
    resources: trainings=1
    shell: "(date +%s.%N; sleep 1; date +%s.%N) > {{output}}"
"""


def most_at_once(folder, *arguments):
    """Run the jobs, and return how many were ever running together."""
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE)
    subprocess.run(
        [SNAKEMAKE, *arguments], cwd=folder, capture_output=True, check=True, timeout=120
    )
    events = []
    for number in range(JOBS):
        began, ended = map(float, (folder / f"{number}.txt").read_text().split())
        events += [(began, 1), (ended, -1)]
    running = most = 0
    for _, change in sorted(events):
        running += change
        most = max(most, running)
    return most


def test_no_more_jobs_than_cores(tmp_path):
    assert most_at_once(tmp_path / "cores", "--cores", "2") == 2


def test_no_more_trainings_than_are_allowed(tmp_path):
    """As profiles/local does."""
    arguments = ("--cores", "4", "--resources", "trainings=1")
    assert most_at_once(tmp_path / "trainings", *arguments) == 1
