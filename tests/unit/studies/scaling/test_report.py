"""The table, page and figure of made points."""

import json

import pandas as pd
import pytest
import yaml

from synaxial.io.errors import SynaxialError
from synaxial.studies.scaling.report import run

from .test_cost_model import made


def write_points(folder, points, **changes):
    """Write points as `synaxial scaling` does, as far as they are read."""
    paths = []
    for point in points:
        content = {
            **{"experiment": "final", "mode": point.mode, "ranks": point.ranks},
            **{"nodes": {"one": point.ranks}, "device": "cpu (x86_64)", "processor": "<made>"},
            **{"threads_per_rank": 1, "load_average_before": 0.5, "crowded": point.ranks == 16},
            **{"batch_size": point.batch_size, "steps": 10, "warm_up": 2},
            "seconds": {
                "median": point.seconds,
                "low": 0.98 * point.seconds,
                "high": 1.03 * point.seconds,
            },
            "communication_seconds": {"median": 0.1 * point.seconds},
            "least_communication_seconds": {"median": 0.05 * point.seconds},
            **{"bytes_per_step": point.payload_bytes, "messages_per_step": point.messages},
            **changes,
        }
        path = folder / f"{point.mode}_{point.ranks}.json"
        path.write_text(json.dumps(content))
        paths.append(path)
    return paths


class Study:
    """A study file, and the three files that the command writes."""

    def __init__(self, folder, ranks):
        self.config = folder / "study.yaml"
        content = {"training": {"batch_size": 16}, "experiments": {"final": {}}}
        self.config.write_text(yaml.safe_dump({**content, "scaling": {"ranks": ranks}}))
        self.table = folder / "scaling.csv"
        self.page = folder / "scaling.html"
        self.chart = folder / "scaling.png"

    def run(self, paths):
        run(paths, self.table, self.page, self.chart, self.config)
        return pd.read_csv(self.table).set_index(["mode", "ranks"])


def test_measured_predicted_and_left_out_points(tmp_path):
    study = Study(tmp_path, [1, 2, 3, 4, 16])
    measured = [p for p in made([1, 2, 4, 16]) if (p.mode, p.ranks) != ("strong", 16)]
    table = study.run(write_points(tmp_path, measured))
    kinds = {key: list(group.index) for key, group in table.groupby("kind")}
    assert kinds["measured"] == [(p.mode, p.ranks) for p in measured]
    assert ("strong", 8) in kinds["predicted"]
    assert ("weak", 3) in kinds["left out"]
    assert table.loc["weak", 3]["note"] == "not measured"
    assert "cannot be shared evenly among 3 ranks" in table.loc["strong", 3]["note"]
    assert "one image per rank" in table.loc["strong", 16]["note"]
    # By hand, from the seconds that the table has.
    seconds = table["seconds"]
    assert table.loc["strong", 4]["efficiency"] == pytest.approx(
        seconds["strong", 1] / (4 * seconds["strong", 4]), abs=2e-3
    )
    assert table.loc["weak", 4]["efficiency"] == pytest.approx(
        seconds["weak", 1] / seconds["weak", 4], abs=2e-3
    )
    # Sixteen ranks were measured on too few cores, and are predicted with enough of them.
    crowded, predicted = (row for _, row in table.loc[[("weak", 16)]].iterrows())
    assert "fewer cores than threads" in crowded["note"]
    assert pd.isna(crowded["efficiency"])
    assert predicted["kind"] == "predicted"
    assert 0 < predicted["efficiency"] < table.loc["weak", 4]["efficiency"]
    page = study.page.read_text()
    assert "not measured" in page
    assert "non-negative least squares" in page
    assert "&lt;made&gt;" in page
    assert study.chart.read_bytes().startswith(b"\x89PNG")


def test_on_two_ranks_nothing_is_predicted(tmp_path):
    study = Study(tmp_path, [1, 2])
    table = study.run(write_points(tmp_path, made([1, 2])))
    assert set(table["kind"]) == {"measured"}
    assert "no prediction" in study.page.read_text()


def test_points_that_do_not_compare_are_refused(tmp_path):
    study = Study(tmp_path, [1, 2])
    paths = write_points(tmp_path, made([1, 2], modes=("weak",)))
    paths += write_points(tmp_path, made([1, 2], modes=("strong",)), threads_per_rank=2)
    with pytest.raises(SynaxialError, match=r"with 2 threads per rank; expected .* with 1"):
        study.run(paths)
    with pytest.raises(SynaxialError, match="none has one rank"):
        study.run(write_points(tmp_path, made([2])))
    paths[0].write_text('{"images": 3}')
    with pytest.raises(
        SynaxialError, match=r"has no device; expected a file of `synaxial study sc"
    ):
        study.run(paths)
