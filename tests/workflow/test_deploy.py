"""The workflow deployed by snakedeploy from a clone, as the workflow catalogue's users do it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import REPOSITORY, SNAKEMAKE, jobs_of, new_study

pytestmark = pytest.mark.snakemake

#: What `git clone` would bring of the folders that are deployed or read.
PARTS = ("workflow", "config", "profiles", "config.yaml", "LICENSE", "Snakefile")


def clone(folder):
    """Copy the repository without what git ignores."""
    folder.mkdir()
    for name in PARTS:
        source = REPOSITORY / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def test_a_deployed_workflow_runs_its_own_study(tmp_path):
    source, deployed = clone(tmp_path / "synaxial"), tmp_path / "deployed"
    deploy = Path(sys.executable).with_name("snakedeploy")
    done = subprocess.run(
        [deploy, "deploy-workflow", source, deployed, "--branch", "main", "--name", "synaxial"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The study of the repository is the template.
    template = deployed / "config" / "config.yaml"
    assert template.read_bytes() == (REPOSITORY / "config.yaml").read_bytes()
    assert not template.is_symlink()
    template.write_text(yaml.safe_dump(new_study(deployed).study))
    (deployed / "config.yaml").unlink()
    # From a clone, snakedeploy names the Snakefile relative to the clone (its version 0.17).
    snakefile = deployed / "workflow" / "Snakefile"
    text = snakefile.read_text()
    assert text.count('"workflow/Snakefile"') == 1
    snakefile.write_text(text.replace("workflow/Snakefile", f"{source}/workflow/Snakefile"))
    done = subprocess.run(
        [SNAKEMAKE, "--profile", "profiles/local", "--dry-run"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=deployed,
        env={**os.environ},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert jobs_of(done.stdout)["train"] == 1
