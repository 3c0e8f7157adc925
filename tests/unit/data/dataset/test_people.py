"""The person of a subject, from the paths of the files to the groups of the images."""

from pathlib import Path

import yaml

from synaxial.data.dataset.pack import run as pack
from synaxial.data.dataset.reading import read_dataset
from synaxial.data.image_sets import read_set
from synaxial.data.slices.resize import run as resize
from synaxial.data.slices.slice import run as cut
from synaxial.data.volumes.acquire import run as acquire

from ..heads import SHAPE, make_head, save


def test_two_visits_of_a_person_are_one_group(tmp_path: Path) -> None:
    visits = ["P1/week-000", "P1/week-044", "P2/week-000"]
    for number, visit in enumerate(visits):
        save(tmp_path / "data" / visit / "flair.nii", make_head(number))
    study = tmp_path / "study.yaml"
    directory = {"path": str(tmp_path / "data"), "pattern": "{person}/{subject}/flair.nii"}
    content = {
        "acquire": {
            **{"source": "directory", "directory": directory},
            **{"subjects": "all", "volume": {"shape": list(SHAPE)}},
        },
        "slice": {"first": 1, "last": 4},
        "resize": {"size": 16},
    }
    study.write_text(yaml.safe_dump(content))
    volumes, slices, images = (tmp_path / name for name in ("volumes", "slices", "images"))
    acquire(config=study, fetched=tmp_path, output=volumes)
    stacks = []
    for name in (visit.replace("/", "_") for visit in visits):
        record = volumes / f"{name}.json"
        cut(volumes / f"{name}_flair.nii.gz", record, slices / f"{name}.tif", study)
        stacks.append(images / f"{name}.tif")
        resize(slices / f"{name}.tif", record, stacks[-1], study)
    pack(stacks, volumes, tmp_path / "dataset", study)
    groups = [0] * 8 + [1] * 4
    packed, rows = read_dataset(tmp_path / "dataset")
    assert list(packed.groups) == groups
    assert [row["person"] for row in rows] == ["P1"] * 8 + ["P2"] * 4
    assert list(read_set(stacks, 12).groups) == groups
