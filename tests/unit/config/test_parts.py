"""The part of a study that each stage reads."""

import pytest

from synaxial.config import as_yaml, make_study, part_of_study, part_of_training, read_study
from synaxial.io.errors import SynaxialError

STAGES = (
    *("fetch", "prepare", "acquire", "manifest", "slice", "resize", "pack", "sample", "render"),
    *("reference", "control", "judge", "evaluate"),
)
PREPARED = ("acquire", "slice", "resize", "mask")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_part_is_a_study_file_for_it(tmp_path, stage):
    study = make_study(
        {
            "acquire": {"on_bad_volume": "skip", "subjects": ["3"], "phantom": {"seed": 5}},
            "slice": {"first": 61, "last": 70, "window": [1, 99]},
            "resize": {"size": 64, "mode": "pad"},
            "sample": {"seed": 8},
            "render": {"columns": 4},
            "evaluate": {"repeats": 20, "seed": 3, "images": 40, "blur": 5.0},
        }
    )
    path = tmp_path / "part.yaml"
    path.write_text(as_yaml(part_of_study(study, stage)))
    read = read_study(path)
    own = {
        # What bad volumes cost does not matter before they are read.
        "fetch": [read.acquire == study.acquire.model_copy(update={"on_bad_volume": "fail"})],
        "prepare": [
            read.acquire.phantom == study.acquire.phantom,
            (read.slice, read.resize) == (study.slice, study.resize),
            # A stage reads the same there as in the whole study.
            all(part_of_study(read, each) == part_of_study(study, each) for each in PREPARED),
        ],
        "acquire": [read.acquire.phantom == study.acquire.phantom],
        "manifest": [read.slice.first == 61, read.slice.last == 70],
        "slice": [read.slice == study.slice, read.acquire.on_bad_volume == "skip"],
        "resize": [read.resize == study.resize],
        "pack": [read.resize.size == 64],
        "sample": [read.sample == study.sample],
        "render": [read.render == study.render],
        "reference": [read.evaluate.images == 40],
        "control": [read.evaluate.images == 40, read.evaluate.blur == 5, read.evaluate.seed == 3],
        "judge": [read.evaluate.seed == 3],
        "evaluate": [read.evaluate.repeats == 20, read.evaluate.seed == 3],
    }
    assert all(own[stage])


def test_a_trainings_part_is_its_experiment_alone(tmp_path):
    study = make_study({"experiments": {"one": {"epochs": 3}, "two": {"seeds": [9]}}})
    path = tmp_path / "part.yaml"
    path.write_text(as_yaml(part_of_training(study, "one", 1)))
    assert read_study(path).experiments == {"one": study.experiments["one"]}
    with pytest.raises(SynaxialError, match="'three': is not in the study; expected one of one"):
        part_of_training(study, "three", 1)


def test_a_seed_is_a_training_of_its_own():
    few = make_study({"experiments": {"one": {"seeds": [4, 2]}}})
    more = make_study({"experiments": {"one": {"seeds": [4, 2, 9]}}})
    parts = [part_of_training(study, "one", 2) for study in (few, more)]
    assert parts[0] == parts[1]
    assert make_study(parts[0]).experiments["one"].seed == 2
    with pytest.raises(SynaxialError, match=r"seed 3 of experiment 'one'.*expected one of 4, 2"):
        part_of_training(few, "one", 3)
    with pytest.raises(SynaxialError, match=r"training.seeds: .* has a value twice"):
        make_study({"training": {"seeds": [1, 1]}})


def parts(content):
    study = make_study(content)
    return {stage: part_of_study(study, stage) for stage in STAGES} | {
        "train": part_of_training(study, "final", 1)
    }


CHANGES = {
    "window": ({"slice": {"window": [1, 99]}}, {"slice", "prepare"}),
    "slices": ({"slice": {"last": 100}}, {"slice", "prepare", "manifest"}),
    "subjects": ({"acquire": {"subjects": "001-016"}}, {"fetch", "manifest"}),
    "seed of the source": ({"acquire": {"phantom": {"seed": 1}}}, {"fetch", "prepare", "acquire"}),
    "brain extraction": ({"acquire": {"conform": {"skull": False}}}, {"prepare", "acquire"}),
    "bad volumes": (
        {"acquire": {"on_bad_volume": "skip"}},
        {"prepare", "acquire", "slice", "manifest"},
    ),
    "affine": ({"acquire": {"volume": {"affine": "qform"}}}, {"prepare", "acquire"}),
    "another source": ({"acquire": {"kaggle": {"dataset": "a/b"}}}, set()),
    "filter": ({"resize": {"filter": "lanczos"}}, {"prepare", "resize"}),
    "learning rate": ({"training": {"optimizer": {"learning_rate": 0.001}}}, {"train"}),
    "another experiment": ({"experiments": {"final": {}, "new": {"seeds": [3]}}}, set()),
    "stacks": ({"sample": {"seed": 3}}, {"sample"}),
    "stacks of the sample": ({"sample": {"stacks": 4}}, {"reference", "control"}),
    "requests": (
        {"sample": {"requests": [{"level": 70}]}},
        {"sample", "reference", "control"},
    ),
    "repeats": ({"evaluate": {"repeats": 50}}, {"evaluate"}),
    "blur": ({"evaluate": {"blur": 3.0}}, {"control"}),
    "images compared": ({"evaluate": {"images": 50}}, {"reference", "control"}),
    "seed of the evaluation": ({"evaluate": {"seed": 2}}, {"control", "evaluate", "judge"}),
    "held-out subjects": ({"acquire": {"held_out": "020-030"}}, {"fetch", "manifest"}),
    "columns": ({"render": {"columns": 5}}, {"render"}),
    "results": ({"results": "elsewhere"}, set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_reaches_the_stages_that_read_it_and_no_other(change):
    content, expected = CHANGES[change]
    before, after = parts({}), parts(content)
    assert {stage for stage in before if before[stage] != after[stage]} == expected


def test_a_study_without_conform_has_the_acquire_part_of_old_releases():
    part = part_of_study(make_study({}), "acquire")["acquire"]
    assert set(part) == {"source", "person", "on_bad_volume", "volume", "phantom"}


def test_of_an_export_only_the_list_of_its_files_matters(tmp_path):
    before, after = (
        parts({"acquire": {"source": "dicom", "subjects": "all", "dicom": keys}})
        for keys in ({"path": "a"}, {"path": "b", "series": ["*flair*"], "key_file": "key.csv"})
    )
    assert {stage for stage in before if before[stage] != after[stage]} == {"fetch"}
    skip = {"source": "dicom", "subjects": "all", "on_bad_volume": "skip", "dicom": {"path": "a"}}
    # `fetch` checks an export.
    assert parts({"acquire": skip})["fetch"] != before["fetch"]
    path = tmp_path / "part.yaml"
    for stage in ("acquire", "prepare", "manifest"):
        path.write_text(as_yaml(before[stage]))
        assert read_study(path).acquire.source == "dicom"
