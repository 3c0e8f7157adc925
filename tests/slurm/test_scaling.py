"""The scaling study on several nodes."""

import json

import pandas as pd
import pytest

from .conftest import submissions

pytestmark = pytest.mark.slurm


def test_the_nodes_of_a_point_follow_from_its_ranks(workflow):
    """On two ranks a node, as the profile has the training; by srun."""
    workflow.write({**workflow.study, "scaling": {"ranks": [1, 2, 4], "steps": 3, "warm_up": 1}})
    done = workflow.run("scaling")
    assert done.returncode == 0, done.stdout
    assert submissions(done.stdout).count("rule_scaling_run") == 6

    folder = workflow.results("scaling")
    nodes = {
        path.stem: sorted(json.loads(path.read_text())["nodes"].values())
        for path in folder.glob("*.json")
    }
    assert nodes == {
        **{"strong_1": [1], "strong_2": [2], "strong_4": [2, 2]},
        **{"weak_1": [1], "weak_2": [2], "weak_4": [2, 2]},
    }
    table = pd.read_csv(folder / "scaling.csv")
    measured = table[table["kind"] == "measured"].set_index(["mode", "ranks"])
    assert measured.loc[("weak", 4), "nodes"] == 2
    # Three numbers of ranks in both modes are enough for the model: it predicts, and says so.
    assert (table["kind"] == "predicted").any()
    assert "predicted by the cost model, not measured" in (folder / "scaling.html").read_text()
