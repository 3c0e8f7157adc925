"""What a run makes and refuses, without Snakemake."""

import copy
import re
import shutil
from pathlib import Path

import pytest
import yaml

from synaxial.data.prepared.prepare import STAGES
from synaxial.io.errors import SynaxialError
from synaxial.plan import Plan, nodes_for, read_configuration, version_of

REPOSITORY = Path(__file__).parents[2]

NETWORKS = {
    "latent": {"size": 6},
    "generator": {"channels": [8, 8, 8, 8, 3]},
    "discriminator": {"channels": [4, 8, 8, 8], "kernels": [4, 4, 4, 4]},
}
MASKS = {"masks": True, "generator": {"channels": [8, 8, 8, 8, 2]}, "seeds": [1, 2]}
STUDY = {
    "acquire": {
        "source": "directory",
        "directory": {"path": "data"},
        "subjects": "001-002",
        "held_out": "003-006",
    },
    "resize": {"size": 64},
    "training": {"batch_size": 4, **NETWORKS},
    "experiments": {"final": {"seeds": [1, 2]}, "relu": {"seeds": [2, 3]}, "pairs": MASKS},
    "default_experiments": ["final"],
    "sample": {"stacks": 2, "images": 10},
    "segment": {"seeds": [5, 6, 7], "channels": [4, 8]},
    "turing": {"images": 10},
}


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """A folder with six subjects; what a plan decides does not need their voxels."""
    monkeypatch.chdir(tmp_path)
    for number in range(1, 7):
        folder = tmp_path / "data" / f"BraTS20_Training_{number:03d}"
        folder.mkdir(parents=True)
        for kind in ("flair", "seg"):
            (folder / f"{folder.name}_{kind}.nii.gz").touch()


def plan_of(**changes):
    return Plan(read_configuration({**STUDY, **changes}, []), Path("results"))


def names(*numbers):
    return [f"BraTS20_Training_{number:03d}" for number in numbers]


def test_subjects_are_trained_with_or_held_out():
    plan = plan_of()
    assert plan.subjects() == names(1, 2, 3, 4, 5, 6)
    assert plan.training_subjects() == names(1, 2)
    assert plan.held_out_subjects() == names(3, 4, 5, 6)
    assert plan.source.files(names(1)[0])


@pytest.fixture
def visits(tmp_path):
    """Replace the data by six people, of whom the first has two visits."""
    shutil.rmtree(tmp_path / "data")
    points = [(person, 1) for person in range(1, 7)] + [(1, 2)]
    for person, visit in points:
        path = tmp_path / "data" / f"P{person:02d}_T{visit}" / "flair.nii.gz"
        path.parent.mkdir(parents=True)
        path.touch()


def acquire_visits(held_out, **keys):
    directory = {"path": "data", "pattern": keys.pop("pattern", "{subject}/flair.nii.gz")}
    return {
        "acquire": {
            **STUDY["acquire"],
            "directory": directory,
            "subjects": "all",
            "held_out": held_out,
            **keys,
        }
    }


@pytest.mark.usefixtures("visits")
def test_a_person_is_not_trained_with_and_held_out_at_two_times():
    held_out = [f"P{person:02d}_T1" for person in range(1, 5)]
    with pytest.raises(SynaxialError, match=r"data: has P01_T1 and P01_T2: two people, or one"):
        plan_of(**acquire_visits(held_out))
    for known in ({"person": "{person}_*"}, {"pattern": "{person}_{subject}/flair.nii.gz"}):
        plan = plan_of(**acquire_visits(held_out, **known))
        assert plan.held_out_subjects() == held_out
        assert plan.training_subjects() == ["P05_T1", "P06_T1"]
        with pytest.raises(SynaxialError, match="names P01_T2, or another timepoint"):
            plan_of(**acquire_visits(held_out, **known, subjects=["P01_T2", "P05_T1"]))
    plan = plan_of(**acquire_visits(held_out, person="{person}"))
    assert plan.training_subjects() == ["P01_T2", "P05_T1", "P06_T1"]


@pytest.mark.parametrize(
    ("acquire", "said"),
    [
        ({"person": {"person": None}}, 'person: put it in quotes, such as "{person}_*"'),
        ({"person": "subject"}, "person: found 'subject'; expected {person} in it once"),
        (
            {
                "directory": {
                    "pattern": "{person}/{subject}.nii",
                    "segmentation_pattern": "{subject}",
                }
            },
            "put {person} into both or neither",
        ),
    ],
)
def test_mistakes_about_people_are_said(acquire, said):
    with pytest.raises(SynaxialError) as refused:
        plan_of(acquire={**STUDY["acquire"], **acquire})
    assert said in str(refused.value)


def test_an_archive_is_not_asked_for_its_subjects_before_it_is_fetched():
    plan = plan_of(acquire={"source": "archive", "archive": {"location": "data.tar.gz"}})
    assert plan.source.must_be_fetched
    with pytest.raises(SynaxialError, match="has not been fetched"):
        plan.subjects()


def test_trainings_have_a_seed():
    assert plan_of().trainings(["final", "relu"]) == [
        *(("final", 1), ("final", 2)),
        *(("relu", 2), ("relu", 3)),
    ]


def test_pairs_have_a_seed_of_the_base():
    assert plan_of().pairs() == [("relu", 2), ("pairs", 1), ("pairs", 2)]
    assert plan_of(base="relu").pairs() == [("final", 2), ("pairs", 2)]


def test_points_can_share_the_batch():
    points = plan_of(scaling={"ranks": [1, 2, 3, 4]}).points()
    # Three ranks cannot share four images; four would have one each to normalise over.
    strong = [("strong", 1), ("strong", 2)]
    assert points == [*strong, ("weak", 1), ("weak", 2), ("weak", 3), ("weak", 4)]


@pytest.mark.parametrize(
    ("ranks", "tasks", "nodes", "expected"),
    [(4, 1, None, 1), (1, 4, 2, 1), (2, 4, 2, 1), (3, 4, 2, 2), (8, 4, 2, 4), (3, 3, 2, 2)],
)
def test_nodes_follow_from_the_trainings_ranks_a_node(ranks, tasks, nodes, expected):
    assert nodes_for(ranks, tasks, nodes) == expected


def test_segmentation_models_take_the_generators_in_turn():
    plan = plan_of()
    sets = ["real_all", "both_all", "real_quarter", "both_quarter", "synthetic_none"]
    assert plan.segment_trainings() == [(name, seed) for name in sets for seed in (5, 6, 7)]
    assert plan.segment_generators("real", 5) == []
    generators = [plan.segment_generators("both", seed) for seed in (5, 6, 7)]
    assert generators == [[("pairs", 1)], [("pairs", 2)], [("pairs", 1)]]
    with pytest.raises(SynaxialError, match=r"segment.seeds: 8 is not among \[5, 6, 7\]"):
        plan.segment_generators("synthetic", 8)


#: Mistakes in a study, and what their one line says.
MISTAKES = {
    "key": ({"slices": 3}, "unknown key slices"),
    "value": ({"slice": {"first": "x"}}, "slice.first: found 'x'"),
    "networks": ({"resize": {"size": 128}}, "resize.size is 128"),
    "pixels of several sizes": (
        {"acquire": {**STUDY["acquire"], "volume": {"shape": None}}},
        "resize.field_of_view: is not set",
    ),
    "folder": (
        {"acquire": {"source": "directory", "directory": {"path": "nowhere"}}},
        "nowhere",
    ),
    "subject": ({"acquire": {**STUDY["acquire"], "subjects": ["77"]}}, "77"),
    "both lists": (
        {"acquire": {**STUDY["acquire"], "subjects": "001-003"}},
        "acquire.held_out: names BraTS20_Training_003",
    ),
    "both lists of an archive": (
        {"acquire": {"source": "archive", "subjects": "1-3", "held_out": "3-6"}},
        "acquire.held_out: names 003",
    ),
    "too small": (
        {
            "resize": {"size": 32},
            "training": {
                "generator": {"channels": [8, 8, 8, 3]},
                "discriminator": {"channels": [4, 8, 8], "kernels": [4, 4, 4]},
            },
            "experiments": {"final": {}},
        },
        "resize.size: 32 pixels are too few",
    ),
    "no channel for masks": (
        {"experiments": {"final": {"masks": True, "generator": {"channels": [8, 8, 8, 8, 3]}}}},
        "the last number of generator.channels is 3; expected 2 with masks: true",
    ),
    "no such experiment to segment": (
        {"segment": {"experiment": "x"}},
        "segment.experiment: found 'x'; expected an experiment of this study",
    ),
    "odd batch": ({"segment": {"batch_size": 3}}, "segment.batch_size: found 3"),
    "seed twice": ({"segment": {"seeds": [1, 1]}}, "segment.seeds: [1, 1] has a value twice"),
    "too many people": (
        {"segment": {**STUDY["segment"], "subjects": ["all", 999]}},
        "segment.subjects: asks for 999 subjects; expected at most the 2 trained on",
    ),
    "too deep": (
        {"segment": {**STUDY["segment"], "channels": [4] * 8}},
        "segment.channels: 8 levels halve the width 7 times, which 64 pixels do not allow",
    ),
    "half the people": ({"segment": {"subjects": ["half"]}}, "segment.subjects"),
    "too few images to read": ({"turing": {"images": 5}}, "turing.images: found 5"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_in_one_line(name):
    changes, expected = MISTAKES[name]
    with pytest.raises(SynaxialError) as refused:
        plan_of(**copy.deepcopy(changes))
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


NOBODY = {"acquire": {**STUDY["acquire"], "held_out": []}}


@pytest.mark.parametrize(
    ("changes", "check", "expected"),
    [
        (NOBODY, "check_turing", "turing: needs subjects that no network sees; see acquire.held"),
        (
            {"turing": {"images": 40}},
            "check_turing",
            "turing.images: 40 may need 24 generated images, but sample.stacks and sample.images "
            "make 20",
        ),
        (NOBODY, "check_segment", "segment: needs subjects that no network sees; see acquire."),
        (
            {"experiments": {"final": {}}},
            "segment_trainings",
            "segment: no experiment has masks: true",
        ),
        (
            {"segment": {"experiment": "final"}},
            "segment_trainings",
            "segment.experiment: 'final' does not have masks: true",
        ),
    ],
)
def test_a_further_study_is_refused_only_if_it_is_wanted(changes, check, expected):
    plan = plan_of(**changes)
    with pytest.raises(SynaxialError) as refused:
        getattr(plan, check)()
    assert str(refused.value).startswith(expected)


def test_segment_is_not_checked_where_no_experiment_has_masks():
    settings = {"subjects": [999], "channels": [4] * 8}
    assert plan_of(experiments={"final": {}}, segment=settings).trainings(["final"])


def test_a_key_that_is_there_twice_is_refused(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(STUDY) + "slice: {first: 2, last: 3}\nslice: {first: 4}\n")
    with pytest.raises(SynaxialError, match="the key 'slice' is there twice"):
        read_configuration(STUDY, [file])


def test_the_catalogue_is_in_the_results_unless_the_study_says_otherwise():
    plan = plan_of()
    assert plan.catalogue == "sqlite:///results/catalogue.sqlite"
    assert plan_of(catalogue={"url": "postgresql://host/name"}).catalogue.startswith("postgresql")
    assert not plan.catalogue_is_lost("final", 1)
    record = Path("results/experiments/final/seed_1/catalogue.json")
    record.parent.mkdir(parents=True)
    record.touch()
    assert plan.catalogue_is_lost("final", 1)
    Path("results/catalogue.sqlite").touch()
    assert not plan.catalogue_is_lost("final", 1)


def test_two_runs_do_not_share_a_folder_of_results():
    plan = plan_of()
    held = plan.lock_results()
    with pytest.raises(SynaxialError, match="results: another Snakemake is running here"):
        plan.lock_results()
    held.close()
    plan.lock_results().close()


def test_a_folder_of_results_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    plan = Plan(plan_of().study, tmp_path / "file" / "results")
    with pytest.raises(SynaxialError, match=r"file/results: cannot be written to \(Not a dir"):
        plan.lock_results()


@pytest.mark.parametrize("below", ["", "/mine"])
def test_results_below_a_file_are_refused_before_snakemake_looks_there(tmp_path, below):
    (tmp_path / "file").touch()
    with pytest.raises(SynaxialError, match=r"results: .*/file is a file; expected a folder"):
        read_configuration({"results": f"{tmp_path}/file{below}"}, [])


def test_every_rule_runs_again_with_the_version_of_its_command():
    commands = {}
    first = r'synaxial |synaxial_for_each\(\s*"[A-Z]+",\s*[A-Z]+,\s*"'
    for path in REPOSITORY.glob("workflow/rules/**/*.smk"):
        start = r"^(?:rule|checkpoint|use rule (\w+) as) (\w+)"
        # The text before the first rule, then for each its base, its name and its text.
        _, *parts = re.split(start, path.read_text(), flags=re.MULTILINE)
        for base, rule, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            found = re.findall(rf"(?:{first}|then )([a-z]+(?: [a-z-]+)*?) (?:--|\{{)", text)
            commands[rule] = found
            if rule == "prepare":
                commands[rule] += [f"data {stage}" for stage in STAGES]
            if base:
                commands[rule] = commands[base]
            versions = re.findall(r'version_of\("([^"]+)"\)', text)
            # A rule that is made from another has its parameters, unless it has some of its own.
            if not base or "params:" in text:
                assert versions == commands[rule], rule
            assert all(version_of(command) >= 1 for command in versions)
    assert commands["pack_held_out"] == ["data pack"]
    assert len(commands["prepare"]) == 5


def test_check_prints_the_complete_study(tmp_path, capsys, run_here):
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(STUDY))
    run_here(["check", "--config", file])
    assert yaml.safe_load(capsys.readouterr().out)["scaling"]["ranks"]


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("out/key.csv", "key.csv is in the folder of results"),
        ("export/key.csv", "key.csv is in the export"),
        ("private", "private is a folder; expected a file"),
        ("private/key.csv", None),
    ],
)
def test_check_refuses_a_key_file_that_the_run_refuses(
    tmp_path, run_synaxial, assert_clear_error, key, line
):
    (tmp_path / "private").mkdir()
    dicom = {"path": str(tmp_path / "export"), "key_file": str(tmp_path / key)}
    acquire = {"source": "dicom", "subjects": "all", "held_out": [], "dicom": dicom}
    study = {"results": str(tmp_path / "out"), "acquire": acquire}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study))
    done = run_synaxial("check", "--config", tmp_path / "study.yaml")
    if line is None:
        assert done.returncode == 0, done.stderr
    else:
        assert_clear_error(done, f"acquire.dicom.key_file: {tmp_path}")
        assert line in done.stderr
