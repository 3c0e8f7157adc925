"""A real Slurm on this machine, and the workflow on it through profiles/slurm."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress

import numpy as np
import pytest

from ..workflow.conftest import STUDY, SUBJECTS, Workflow, write_subject
from .cluster import Cluster, complaint
from .filling import fill_in

#: Enough for a job to be in the middle of it, at some ten iterations a second.
MANY_EPOCHS = 100000

#: What a cluster's user fills in, for two nodes with two "GPUs" each.
FOUR_RANKS = {
    "training_partition": "gpu",
    "nodes": 2,
    "ranks_per_node": 2,
    "cores_per_rank": 1,
    "segments": 1,
}
#: The same for two ranks on whichever node is free.
TWO_RANKS = {**FOUR_RANKS, "nodes": 1}


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    if why := complaint():
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    cluster = Cluster(tmp_path_factory.mktemp("slurm") / "cluster")
    # All that is started from here on takes precedence over the tests of other processes: the
    # cluster waits most of the time, and the limits of its jobs are in seconds.
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, before - 5)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        os.setpriority(os.PRIO_PROCESS, 0, before)


class ClusterWorkflow(Workflow):
    """A study in a folder, a copy of profiles/slurm with its head filled in, and a cluster."""

    def __init__(self, folder, study, cluster):
        super().__init__(folder, study)
        self.cluster = cluster
        self.process = None
        self.fill_in(**FOUR_RANKS)

    def fill_in(self, **values):
        """Write the profile anew with these values at its head, where a user puts them."""
        # The "GPUs" here are empty files, so the ranks that get them compute on the CPU.
        text, count = re.subn(r"device: \?repr.*", "device: cpu", fill_in(**values))
        assert count == 2
        profile = self.folder / "profile"
        profile.mkdir(exist_ok=True)
        (profile / "config.yaml").write_text(text)

    def configure(self, monitoring=None, **training):
        study = {**self.study, "training": {**self.study["training"], **training}}
        if monitoring is not None:
            study["monitoring"] = monitoring
        self.write(study)

    def command(self, *arguments):
        return super().command(
            *("--slurm-init-seconds-before-status-checks", 5),
            *arguments,
            profile=self.folder / "profile",
        )

    @property
    def environment(self):
        return {**self.cluster.environment, "PATH": "/usr/bin:/bin:/usr/sbin"}

    def run(self, *arguments, **environment):
        return subprocess.run(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
            cwd=self.folder,
            env={**self.environment, **environment},
        )

    def start(self, *arguments):
        """Start Snakemake; what it says goes to a file, so that nobody waits for its reader."""
        # Whoever started the tests in the background has had them ignore Ctrl-C, and what they
        # start would too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with (self.folder / "snakemake.out").open("wb") as output:
            self.process = subprocess.Popen(
                self.command(*arguments),
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env=self.environment,
            )
        return self.process

    def finish(self, seconds=120):
        """Wait for Snakemake; return its exit status and what it has said."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"Snakemake does not end:\n{self.said()}")
        return status, self.said()

    def said(self):
        return (self.folder / "snakemake.out").read_text(errors="replace")

    def kill(self):
        """End a Snakemake that a failed test has left."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def wait_for(self, condition, what, seconds=60):
        """Wait until a condition holds, and return what it gave."""
        until = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > until:
                pytest.fail(f"no {what}\n{self.said()}\n{self.log()}\n{self.cluster.logs()}")
            time.sleep(0.2)
        return found

    def log(self):
        path = self.results("logs", "train", "small", "seed_1.log")
        return path.read_text(errors="replace") if path.exists() else ""

    def attempts(self):
        """What all attempts at the training have said; also those before a retry."""
        paths = self.results("checkpoints").glob("*/attempts.log")
        return "".join(path.read_text() for path in paths)

    def iterations(self):
        """The iterations of the checkpoints on disk, the newest last."""
        paths = sorted(self.results("checkpoints").glob("*/iteration_*.npz"))
        return [int(path.stem.removeprefix("iteration_")) for path in paths]

    def wait_for_iteration(self, iteration):
        self.wait_for(lambda: max(self.iterations(), default=0) >= iteration, "checkpoint")

    def resumed_at(self):
        """The iterations at which attempts went on."""
        return [int(n) for n in re.findall(r"resuming from .*iteration_(\d+)", self.attempts())]

    def running_job(self):
        """The number of the job that trains."""
        path = next(self.results("checkpoints").glob("*/slurm_job.json"))
        return json.loads(path.read_text())["number"]

    def record(self):
        return json.loads(self.results("experiments", "small", "seed_1", "run.json").read_text())

    def weights(self, folder=None):
        arrays = {}
        for name in ("generator", "discriminator"):
            folder = folder or self.results("experiments", "small", "seed_1")
            with np.load(folder / f"{name}.npz") as file:
                arrays |= {f"{name}/{key}": file[key] for key in file.files}
        return arrays


#: A checkpoint after every iteration, and all of them kept.
EVERY_ITERATION = {"checkpoint_minutes": 1e-9, "checkpoints_kept": 100000, "preview_epochs": 100000}
#: None but the last, or what an early stop writes.
NO_REGULAR = {"checkpoint_minutes": 1e9, "preview_epochs": 100000}


@pytest.fixture(scope="session")
def finished(tmp_path_factory, cluster):
    """A small study that has run on the cluster to its end; copy it, never change it."""
    folder = tmp_path_factory.mktemp("finished")
    for seed, subject in enumerate(SUBJECTS):
        write_subject(folder / "data", subject, seed)
    study = {**STUDY, "training": {**STUDY["training"], "batch_size": 8}}
    workflow = ClusterWorkflow(folder, study, cluster)
    done = workflow.run()
    assert done.returncode == 0, done.stdout
    workflow.output = done.stdout
    return workflow


@pytest.fixture
def workflow(finished, cluster, tmp_path):
    """A copy of the study, packed and ready to be trained."""
    shutil.copytree(finished.folder, tmp_path / "study", symlinks=True)
    for made in ("checkpoints", "experiments", "logs/train"):
        shutil.rmtree(tmp_path / "study" / "results" / made)
    workflow = ClusterWorkflow(tmp_path / "study", finished.study, cluster)
    yield workflow
    workflow.kill()
    cluster.clear()


def submissions(output):
    """The rules and groups that Snakemake has submitted, in order."""
    return re.findall(r"has been submitted with SLURM jobid \d+ \(log: .*/slurm/(\w+)/", output)


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)
