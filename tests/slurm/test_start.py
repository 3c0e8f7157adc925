"""What profiles/slurm says where there is no Slurm, before any job is submitted."""

import importlib.util
import re
import shutil
import subprocess
import time

import pytest

from synaxial.gan.train.slurm import check_slurm
from synaxial.io.errors import SynaxialError

from ..workflow.conftest import Workflow, write_subject
from .cluster import free_ports, search_path
from .filling import fill_in

pytestmark = pytest.mark.snakemake

#: What Snakemake itself needs of a machine.
SHELL = ("sh", "bash", "which")


class Outside(Workflow):
    """A study on a machine that is no cluster's, with profiles/slurm filled in."""

    def __init__(self, folder, **values):
        super().__init__(folder)
        write_subject(folder / "data", "BraTS20_Training_001", 0)
        profile = folder / "profile"
        profile.mkdir()
        (profile / "config.yaml").write_text(fill_in(**values))

    def run(self, **environment):
        began = time.monotonic()
        done = subprocess.run(
            self.command(profile=self.folder / "profile"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
            cwd=self.folder,
            env=environment,
        )
        return done, time.monotonic() - began


def told(output):
    """The line that says what is wrong; there must be no job and no traceback."""
    assert "Traceback" not in output
    assert "Execute " not in output
    return re.search(r"^WorkflowError.*\n(.*)$", output, flags=re.MULTILINE)[1]


def test_without_slurms_commands(tmp_path):
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name in SHELL:
        (binaries / name).symlink_to(shutil.which(name))
    done, seconds = Outside(tmp_path, gpus_per_rank=0).run(PATH=str(binaries))
    assert done.returncode == 1
    assert told(done.stdout).startswith("Slurm: sbatch, squeue, scancel not found; expected")
    assert "module load slurm" in told(done.stdout)
    assert seconds < 30


def test_a_controller_that_does_not_answer(tmp_path, monkeypatch):
    """A configuration that points where nobody listens."""
    if shutil.which("squeue", path=search_path()) is None:
        pytest.skip("needs Slurm's commands")
    (port,) = free_ports(1)
    configuration = tmp_path / "slurm.conf"
    configuration.write_text(
        f"ClusterName=nowhere\nSlurmctldHost=nowhere(127.0.0.1)\nSlurmctldPort={port}\n"
        "NodeName=n1 CPUs=1\nPartitionName=p Nodes=ALL Default=YES\n"
    )
    done, seconds = Outside(tmp_path, gpus_per_rank=0).run(
        PATH=search_path(), SLURM_CONF=str(configuration)
    )
    assert done.returncode == 1
    assert told(done.stdout).startswith("Slurm: squeue fails: slurm_load_jobs error: Unable to")
    assert "scontrol ping" in told(done.stdout)
    # Slurm's own commands try for ten seconds, and the plugin calls two before we do.
    assert seconds < 60

    monkeypatch.setenv("PATH", search_path())
    monkeypatch.setenv("SLURM_CONF", str(configuration))
    with pytest.raises(SynaxialError, match=r"squeue has not answered in 0\.2 seconds"):
        check_slurm(seconds=0.2)


def test_gpus_for_an_environment_without_cupy(tmp_path):
    """As the profile is in the repository, with the environment of `make install`."""
    if importlib.util.find_spec("cupy") is not None:
        pytest.skip("CuPy is installed here")
    done, _ = Outside(tmp_path).run(PATH="/usr/bin:/bin")
    assert done.returncode == 1
    assert told(done.stdout).startswith("gpus_per_rank in the profile: CuPy is not installed")
    assert "set gpus_per_rank = 0" in told(done.stdout)
