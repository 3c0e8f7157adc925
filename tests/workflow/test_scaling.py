"""The scaling study: what it asks for on each profile, and one that really runs."""

import json
import re

import pandas as pd
import pytest
import yaml

from .conftest import STUDY, jobs_of, new_study

pytestmark = pytest.mark.snakemake

TWO = {"scaling": {"ranks": [1, 2], "steps": 3, "warm_up": 1}}


@pytest.fixture
def planned(tmp_path):
    return new_study(tmp_path / "study", {**STUDY, "scaling": {"ranks": [1, 2, 3, 4]}})


def points_of(output):
    """What each point's job asks for, and its command, by the name of its file."""
    found = {}
    jobs = re.findall(r"^rule scaling_run:\n.*?^Shell command: .*?$", output, re.DOTALL | re.M)
    for job in jobs:
        name = re.search(r"output: results/scaling/(\w+)\.json", job)[1]
        asked = re.search(r"resources: (.*)", job)[1]
        resources = dict(pair.split("=", 1) for pair in asked.split(", ") if "=" in pair)
        found[name] = (resources, job.splitlines()[-1].removeprefix("Shell command: "))
    return found


def test_on_this_machine_a_point_has_its_ranks(planned):
    done = planned.run("scaling", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    points = points_of(done.stdout + done.stderr)
    # Three ranks cannot share four images, and four would have one each to normalise over.
    strong, weak = ["strong_1", "strong_2"], ["weak_1", "weak_2", "weak_3", "weak_4"]
    assert sorted(points) == strong + weak
    for name, (resources, command) in points.items():
        ranks = name.split("_")[1]
        assert resources["tasks"] == ranks
        assert command.startswith(f"mpiexec -n {ranks} synaxial study scaling measure")
        assert f"--ranks {ranks} " in command
        assert "--threads-per-rank 1 " in command
    assert "train" not in jobs_of(done.stdout + done.stderr)


def test_on_slurm_the_nodes_follow_from_the_ranks(planned, tmp_path):
    from ..slurm.filling import fill_in

    profile = tmp_path / "profile"
    profile.mkdir()
    values = {"nodes": 2, "ranks_per_node": 2, "cores_per_rank": 3, "training_partition": "gpu"}
    (profile / "config.yaml").write_text(fill_in(**values))
    generator = "results/experiments/small/seed_1/generator.npz"
    done = planned.run("scaling", generator, "--dry-run", profile=profile)
    assert done.returncode == 0, done.stdout + done.stderr
    points = points_of(done.stdout + done.stderr)
    nodes = {name: resources["nodes"] for name, (resources, _) in points.items()}
    assert nodes["strong_1"] == nodes["strong_2"] == "1"
    assert nodes["weak_3"] == nodes["weak_4"] == "2"
    resources, command = points["weak_4"]
    assert resources["mpi"] != ""
    assert points["weak_1"][0]["mpi"] == ""
    assert (resources["gres"], resources["cpus_per_task"]) == ("gpu:2", "3")
    assert (resources["slurm_partition"], resources["device"]) == ("gpu", "gpu")
    # One at a time, on nodes of its own, whose cores it does not pay for in memory.
    assert resources["measurements"] == "1"
    assert yaml.safe_load(fill_in(**values))["resources"]["measurements"] == 1
    assert resources["slurm_extra"] == "--ntasks-per-node=2 --exclusive"
    assert resources["mem_mb"] == "16000"
    assert "mem_mb_per_cpu" not in resources
    # As the training, whose four ranks are as many as this point's.
    trained = re.search(r"^Shell command: (srun .*?) synaxial train", done.stdout, re.M)[1]
    assert command.startswith(f"{trained} synaxial study scaling measure")
    assert "--nodes=1 " in points["weak_2"][1]


def test_a_scaling_study_on_one_and_two_ranks(workflow):
    workflow.write({**workflow.study, **TWO})
    done = workflow.run("scaling")
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = jobs_of(done.stdout + done.stderr)
    assert jobs["scaling_run"] == 4
    assert "train" not in jobs

    table = pd.read_csv(workflow.results("scaling", "scaling.csv"))
    assert table[["mode", "ranks", "batch_size"]].to_numpy().tolist() == [
        ["strong", 1, 4],
        ["strong", 2, 4],
        ["weak", 1, 4],
        ["weak", 2, 8],
    ]
    assert set(table["kind"]) == {"measured"}
    point = json.loads(workflow.results("scaling", "weak_2.json").read_text())
    assert len(point["step_seconds_by_rank"]) == 2
    assert all(len(steps) == 3 for steps in point["step_seconds_by_rank"])
    assert 0 < point["communication_seconds"]["median"] < point["seconds"]["median"]
    assert sum(point["nodes"].values()) == 2
    page = workflow.results("scaling", "scaling.html").read_text()
    assert "no prediction" in page
    assert workflow.results("scaling", "scaling.png").stat().st_size > 10000

    report = workflow.run("scaling", "--report", "results/report.html")
    assert report.returncode == 0, report.stderr
    for name in ("scaling.html", "scaling.png"):
        assert name in workflow.results("report.html").read_text()

    # One more number of ranks measures that alone; a training's length none.
    changed = yaml.safe_load((workflow.folder / "config.yaml").read_text())
    changed["training"]["epochs"] = 4
    changed["scaling"]["ranks"] = [1, 2, 4]
    workflow.write(changed)
    done = workflow.run("scaling", "--dry-run")
    jobs = jobs_of(done.stdout + done.stderr)
    assert jobs["scaling_run"] == 1
    assert jobs["scaling"] == 1
