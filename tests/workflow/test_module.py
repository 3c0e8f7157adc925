"""The workflow as a module of another one, under a prefix and with other names of its rules."""

import subprocess

import numpy as np
import pytest
import yaml

from .conftest import REPOSITORY, SNAKEMAKE, STUDY, jobs_of, new_study

pytestmark = pytest.mark.snakemake

OUTER = f"""
configfile: "outer.yaml"


module synaxial:
    snakefile:
        "{REPOSITORY}/workflow/Snakefile"
    config:
        config["synaxial"]
    prefix:
        "brains"


use rule * from synaxial as synaxial_*


rule count:
    input:
        rules.synaxial_pack.output.images,
    output:
        "count.txt",
    shell:
        "cp {{input}} {{output}}"
"""


@pytest.fixture
def outer(tmp_path):
    """Another workflow's folder, with the data of a study."""
    new_study(tmp_path)
    (tmp_path / "config.yaml").unlink()
    (tmp_path / "Snakefile").write_text(OUTER)
    (tmp_path / "outer.yaml").write_text(yaml.safe_dump({"synaxial": STUDY, "own": 1}))
    return tmp_path


def run(folder, *arguments):
    command = [SNAKEMAKE, "--cores", "2", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_all_of_it_can_be_asked_for(outer):
    output = run(outer, "synaxial_all", "--dry-run", "--printshellcmds")
    jobs = jobs_of(output)
    expected = {"prepare": 1, "pack": 1, "train": 1, "sample": 1, "render": 1}
    assert {name: jobs.get(f"synaxial_{name}") for name in expected} == expected
    commands = [line for line in output.splitlines() if line.startswith("Shell command: ")]
    # Every path but the user's own data has the prefix.
    words = [word for command in commands for word in command.split()]
    assert any(word.startswith("brains/results/") for word in words)
    assert not [word for word in words if word.startswith("results/")]


def test_another_rule_takes_its_data_set(outer):
    run(outer, "count")
    assert np.load(outer / "count.txt").shape == (24, 16, 16)
    assert (outer / "brains" / "results" / "volumes").is_dir()
    assert not (outer / "results").exists()
