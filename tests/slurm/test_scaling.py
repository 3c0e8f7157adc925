"""The scaling study on several nodes."""

import json

import pandas as pd
import pytest

from .conftest import submissions

pytestmark = pytest.mark.slow


def test_the_nodes_of_a_point_follow_from_its_ranks(workflow):
    """Two ranks share a node, as the profile has the training; by srun.

    Points on two nodes are not reliable yet; see docs/slurm.md.
    """
    workflow.write({**workflow.study, "scaling": {"ranks": [1, 2], "steps": 3, "warm_up": 1}})
    done = workflow.run("scaling")
    assert done.returncode == 0, done.stdout
    assert submissions(done.stdout).count("rule_scaling_run") == 4

    folder = workflow.results("scaling")
    nodes = {
        path.stem: sorted(json.loads(path.read_text())["nodes"].values())
        for path in folder.glob("*.json")
    }
    assert nodes == {"strong_1": [1], "strong_2": [2], "weak_1": [1], "weak_2": [2]}
    table = pd.read_csv(folder / "scaling.csv").set_index(["mode", "ranks"])
    assert table.loc["weak", 2]["nodes"].tolist()[:1] == [1]
    # Two numbers of ranks are too few for the model: it predicts nothing, and says so.
    assert not (table["kind"] == "predicted").any()
