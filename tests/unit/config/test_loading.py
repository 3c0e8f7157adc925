"""The study file: defaults, differences and mistakes."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from synaxial.config import (
    as_yaml,
    check_evaluation,
    check_networks,
    field_of_view,
    make_study,
    part_of_training,
    pixel_millimetres,
    read_study,
)
from synaxial.config.loading import default_keys, merge
from synaxial.config.model import Study, Training
from synaxial.io.errors import SynaxialError


def test_the_default_is_the_papers_final_experiment():
    final = make_study({}).experiments["final"]
    assert final.loss == "wasserstein"
    assert (final.batch_size, final.latent.size, final.generator.dropout) == (8, 128, 0.5)
    optimizer = final.optimizer
    assert (optimizer.name, optimizer.learning_rate, optimizer.beta1) == ("adam", 0.0002, 0.5)
    assert optimizer.weight_decay == 0.001
    assert final.moving_average_images == 0
    assert not final.discriminator.spectral_normalization
    study = make_study({})
    assert (study.slice.first, study.slice.last, study.resize.size) == (60, 107, 256)
    assert study.acquire.subjects == "001-015"


def test_an_experiment_is_its_differences_from_the_shared_training():
    study = make_study(
        {
            "training": {"epochs": 7, "generator": {"dropout": 0.1}},
            "experiments": {
                "plain": None,
                "relu": {"generator": {"activation": "relu"}},
                "long": {"epochs": 9},
            },
        }
    )
    assert study.experiments["plain"] == study.training
    relu = study.experiments["relu"]
    assert (relu.epochs, relu.generator.dropout, relu.generator.activation) == (7, 0.1, "relu")
    assert study.experiments["long"].epochs == 9


MISTAKES = {
    "unknown key": (
        {"slices": {}},
        "unknown key slices (did you mean slice?); see",
    ),
    "unknown inner key": (
        {"slice": {"frist": 1}},
        "unknown key slice.frist (did you mean first?); see",
    ),
    "unknown key of an experiment": (
        {"experiments": {"a": {"epoch": 1}}},
        "unknown key experiments.a.epoch (did you mean epochs?); see",
    ),
    "unknown key of a section of an experiment": (
        {"experiments": {"a": {"generator": {"drop_out": 1}}}},
        "unknown key experiments.a.generator.drop_out (did you mean dropout?); see",
    ),
    "unknown key like no other": ({"training": {"qqq": 1}}, "unknown key training.qqq; see docs"),
    "bad type": ({"slice": {"first": "a"}}, "slice.first: found 'a'"),
    "bad choice": ({"training": {"loss": "wgan"}}, "training.loss: found 'wgan'"),
    "out of range": (
        {"experiments": {"a": {"generator": {"dropout": 1.5}}}},
        "experiments.a.generator.dropout: found 1.5",
    ),
    "backwards": (
        {"slice": {"first": 9, "last": 3}},
        "slice: last (3) is below first (9); exchange them",
    ),
    "window": (
        {"slice": {"window": [99, 1]}},
        "slice: window: found [99.0, 1.0]; expected the lower value first",
    ),
    "unquoted": (
        {"acquire": {"subjects": [8]}},
        "acquire.subjects: found the number 8; put subjects in quotes",
    ),
    "no folder": ({"acquire": {"source": "directory"}}, "directory.path is not set"),
    "endless": ({"acquire": {"subjects": "all"}}, "the phantom source is endless; give a range"),
    "no checksum": (
        {"acquire": {"archive": {"location": "https://a/b.tar", "checksum": None}}},
        "a URL needs a checksum",
    ),
    "told once": (
        {"training": {"seeds": [-1]}},
        "my.yaml: training.seeds.0: found -1; expected greater than or equal to 0",
    ),
    "spacing": ({"acquire": {"volume": {"spacing": [1, -1, 1]}}}, "acquire.volume.spacing.1"),
    "nobody": (
        {"acquire": {"subjects": []}},
        "acquire: subjects: found an empty list; name at least one subject",
    ),
    "infinite": (
        {"training": {"optimizer": {"learning_rate": float("inf")}}, "experiments": {"a": {}}},
        "training.optimizer.learning_rate: found inf",
    ),
    "results with a space": ({"results": "my results"}, "results: found 'my results'"),
    "results at home": ({"results": "~/results"}, "results: found '~/results'"),
    "no results": ({"results": ""}, "results: found ''"),
    "layers": (
        {"training": {"discriminator": {"channels": [1, 2]}}, "experiments": {"a": {}}},
        "found 2 channels but 9 kernels; expected one of each for every convolution",
    ),
    "a preset for all": (
        {"training": {"preset": "modern"}},
        "training.preset: found modern, but a preset belongs to an experiment; write experiments:",
    ),
    "no such preset": ({"experiments": {"a": {"preset": "x"}}}, "experiments.a.preset: found 'x'"),
    "upsampling": (
        {"experiments": {"a": {"generator": {"upsampling": ["nearest"]}}}},
        "upsampling: found a list of 1; expected one word for all stages, or a list of 6",
    ),
    "no such upsampling": (
        {"experiments": {"a": {"generator": {"upsampling": "subpixel"}}}},
        "experiments.a.generator.upsampling: found 'subpixel'; expected one of transposed, nearest",
    ),
    "growth": (
        {"experiments": {"a": {"coarse": {"width_epochs": 5, "fading_epochs": 6}}}},
        "experiments.a.coarse: fading_epochs: found 6; expected at most width_epochs, 5",
    ),
    "two bounds": (
        {"experiments": {"a": {"preset": "modern", "clipping": 0.01}}},
        "clipping and r1 both constrain the discriminator",
    ),
    "truth": ({"experiments": {"a": {"clipping": True}}}, "experiments.a: clipping: found True"),
    "penalty": (
        {"experiments": {"a": {"gradient_penalty": 10}}},
        "set discriminator.batch_normalization to false",
    ),
    "target": (
        {"experiments": {"a": {"augmentation": {"target": 0.6}}}},
        "augmentation.target needs a loss whose scores have opposite signs",
    ),
    "kinds": (
        {"experiments": {"a": {"augmentation": {"kinds": ["flip", "flip"]}}}},
        "experiments.a.augmentation.kinds: ['flip', 'flip'] has a value twice; remove one",
    ),
    "no experiment": ({"experiments": {}}, "experiments: found none; name at least one"),
    "name": ({"experiments": {"a/b": {}}}, "experiment 'a/b'"),
    "name of an up-sampler's set": (
        {"experiments": {"final.enlarged": {}}},
        "experiment 'final.enlarged': the end '.enlarged'",
    ),
    "a name that is no text": (
        {"experiments": {False: {}}},
        "an experiment's name is False, as YAML reads names like no, on, 010 and 1.0",
    ),
    "a name that is a number": ({"experiments": {1.0: {}, "a": {}}}, "put the name in quotes"),
    "empty list": ({"acquire": {"held_out": None}}, "acquire: held_out: is empty; give it a value"),
    "empty text": ({"results": None}, "results: is empty; give it a value, or remove it"),
    "section": ({"experiments": {"a": 3}}, "experiments.a: found 3"),
    "pattern": (
        {"acquire": {"directory": {"pattern": "a.nii"}}},
        "pattern must contain {subject}",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_that_names_the_key(name):
    content, expected = MISTAKES[name]
    with pytest.raises(SynaxialError) as caught:
        make_study(content, "my.yaml")
    message = str(caught.value)
    assert message.startswith("my.yaml: ")
    assert expected in message
    assert " | " not in message
    assert "\n" not in message


NETWORKS = {
    "size": ({"resize": {"size": 128}}, "make images of 256 pixels, but resize.size is 128"),
    "halvings": (
        {
            "resize": {"size": 8},
            "training": {
                "generator": {"channels": [4, 3]},
                "discriminator": {"channels": [1] * 4, "kernels": [4] * 4},
            },
        },
        "halve the image 4 times, which is not possible with 8 pixels",
    ),
    "channels": (
        {"training": {"generator": {"channels": [8, 8, 8, 8, 8, 8, 2]}}},
        "the last number of generator.channels is 2; expected 1 or 3 without masks",
    ),
    "a mask's channel": (
        {"training": {"masks": True}},
        "the last number of generator.channels is 3; expected 2 with masks: true",
    ),
    "a mask and a colour": (
        {"training": {"masks": True, "generator": {"channels": [8, 8, 8, 8, 8, 8, 1]}}},
        "the last number of generator.channels is 1; expected 2 with masks: true",
    ),
}


def test_an_empty_section_has_its_defaults():
    content = {"slice": None, "training": {"generator": None}, "acquire": {"volume": None}}
    study = make_study(content)
    assert study == make_study({})


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_must_fit_the_images(name):
    content, expected = NETWORKS[name]
    study = make_study(content)
    with pytest.raises(SynaxialError, match="experiment 'final'") as caught:
        check_networks(study)
    assert expected in str(caught.value)


def test_which_experiment_trains_the_segmentation_model():
    pairs = {"masks": True, "generator": {"channels": [8] * 6 + [2]}}
    others = {"experiments": {"a": {}, "b": pairs, "c": pairs}}
    assert make_study({"experiments": {"a": {}}}).segment_experiment is None
    assert make_study(others).segment_experiment == "b"
    assert make_study({**others, "default_experiments": ["a", "c"]}).segment_experiment == "c"
    assert make_study({**others, "base": "c"}).segment_experiment == "c"
    assert make_study({**others, "segment": {"experiment": "c"}}).segment_experiment == "c"
    assert make_study({"training": pairs}).segment_experiment == "final"


def test_a_mask_is_a_second_channel():
    check_networks(
        make_study({"training": {"masks": True, "generator": {"channels": [8] * 6 + [2]}}})
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "is not YAML"),
        ("- a", "holds a list"),
        ("training: {epochs: 5}\ntraining: {seeds: [3]}", "the key 'training' is there twice"),
        ("a: &a {b: 1}\nc: {<<: *a, b: 2, b: 3}", "the key 'b' is there twice"),
        ("a: &a {b: 1}\nc: {<<: *a, <<: *a}", "the key '<<' is there twice"),
        ("a: [{b: 1, b: 3}]", "the key 'b' is there twice"),
        ("training: {epochs: 5, epochs: 6}", "the key 'epochs' is there twice"),
        (None, "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_as_a_study_is_named(tmp_path, text, expected):
    path = tmp_path / "study.yaml"
    if isinstance(text, bytes):
        path.write_bytes(text)
    elif text is not None:
        path.write_text(text)
    with pytest.raises(SynaxialError, match=expected) as caught:
        read_study(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_yaml_merge_keys_may_be_overridden(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "experiments:\n"
        "  a: {<<: &c {loss: hinge, seeds: [4]}, loss: mse, epochs: 3}\n"
        "  b: &b {<<: *c, epochs: 4, batch_size: 2}\n"
        "  d: {<<: *b, epochs: 5}\n"
    )
    experiments = read_study(path).experiments
    found = [(e.loss, e.epochs, e.batch_size, e.seeds) for e in experiments.values()]
    assert found == [("mse", 3, 8, [4]), ("hinge", 4, 2, [4]), ("hinge", 5, 2, [4])]


def test_an_empty_file_is_the_default_study(tmp_path):
    (tmp_path / "study.yaml").write_text("# nothing\n")
    study = read_study(tmp_path / "study.yaml")
    assert study == make_study({})
    assert study.training == Study().training


def test_the_papers_experiments_each_change_what_their_name_says():
    study = make_study({})
    assert study.chosen_experiments == ["final"]
    assert study.base_experiment == "final"
    assert list(study.experiments)[-1] == "modern"
    assert len(study.experiments) == 18 + 1
    final = study.experiments["final"].model_dump()
    changed = {
        name: {key for key, value in training.model_dump().items() if value != final[key]}
        for name, training in study.experiments.items()
        if name != "modern"
    }
    assert changed["initial"] == {"batch_size", "latent", "generator"}
    for name, keys in changed.items():
        assert len(keys) == {"final": 0, "initial": 3}.get(name, 1), name
    check_networks(study)


def test_a_preset_overrides_training_and_the_experiments_own_keys_override_it():
    """Also where `training` spells every key out, as the repository's own study file does."""
    shared = Training().model_dump(mode="json")
    experiments = {"a": {"preset": "modern", "loss": "hinge"}, "b": {}}
    study = make_study({"training": {**shared, "masks": True}, "experiments": experiments})
    training = study.experiments["a"]
    modern = default_keys()["presets"]["modern"]
    assert training.masks
    assert training.loss == "hinge" != modern["loss"]
    assert training.optimizer.learning_rate == modern["optimizer"]["learning_rate"]
    assert training.variation.rotation == modern["variation"]["rotation"]
    assert training.generator.channels == Training().generator.channels
    assert study.experiments["b"] == study.training
    # Written to a stage's file and read again, it is the same.
    part = part_of_training(study, "a", 1)
    assert make_study(yaml.safe_load(as_yaml(part))).experiments["a"] == training


def test_the_old_name_of_a_key_is_still_read_with_one_line_about_the_new_one(caplog):
    old = {
        "training": {"critic_steps": 5, "optimizer": {"alpha": 0.1, "discriminator_alpha": 0.2}},
        # Under the old name too, an experiment's own key goes over its preset's.
        "experiments": {"alpha": {"preset": "modern", "optimizer": {"alpha": 0.3}}},
        "segment": {"alpha": 0.4},
    }
    study = make_study(old, "my.yaml")
    assert study.training.discriminator_steps == 5
    assert study.training.optimizer.learning_rate == 0.1
    assert study.training.optimizer.discriminator_learning_rate == 0.2
    assert study.experiments["alpha"].optimizer.learning_rate == 0.3
    assert study.segment.learning_rate == 0.4
    assert [record.getMessage() for record in caplog.records] == [
        "my.yaml: segment.alpha is now called learning_rate",
        "my.yaml: training.critic_steps is now called discriminator_steps",
        "my.yaml: training.optimizer.alpha is now called learning_rate",
        "my.yaml: training.optimizer.discriminator_alpha is now called discriminator_learning_rate",
        "my.yaml: experiments.alpha.optimizer.alpha is now called learning_rate",
    ]
    assert "critic_steps" in old["training"]  # What the caller gave stays as it is.
    both = {"segment": {"alpha": 0.1, "learning_rate": 0.1}}
    with pytest.raises(SynaxialError, match="segment has learning_rate and also alpha, its old"):
        make_study(both)


def test_default_experiments_must_be_in_the_study():
    content = {"experiments": {"a": {}, "b": {}}}
    assert make_study(content).chosen_experiments == ["a", "b"]
    assert make_study({**content, "default_experiments": ["b"]}).chosen_experiments == ["b"]
    with pytest.raises(
        SynaxialError, match="default_experiments: found 'c'; expected an experiment of this study"
    ):
        make_study({**content, "default_experiments": ["c"]})


def test_default_held_out_subjects_go_with_the_default_subjects():
    assert make_study({}).acquire.held_out == "016-035"
    assert make_study({"acquire": {"subjects": "001-003"}}).acquire.held_out == []
    both = {"subjects": "001-003", "held_out": ["x_4", "005"]}
    assert make_study({"acquire": both}).acquire.wanted == ["001-003", "x_4", "005"]
    for wrong, said in {"all": "none is left to train on", "005 ": None}.items():
        content = {"acquire": {"subjects": "001-003", "held_out": wrong}}
        if said is None:
            make_study(content)
            continue
        with pytest.raises(SynaxialError, match=said):
            make_study(content)


trees = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).filter(lambda tree: isinstance(tree, dict))


@given(trees, trees)
def test_merging_keeps_both_and_lets_the_second_win(base, differences):
    merged = merge(base, differences)
    assert merge(merged, differences) == merged
    assert merge(base, {}) == base
    assert base.keys() | differences.keys() == merged.keys()
    for key, value in differences.items():
        if not isinstance(value, dict) or not isinstance(base.get(key), dict):
            assert merged[key] == value


@given(
    epochs=st.integers(1, 10**6),
    learning_rate=st.floats(1e-9, 10),
    window=st.tuples(st.floats(0, 49), st.floats(50, 100)),
)
def test_a_study_survives_being_written_and_read(epochs, learning_rate, window):
    study = make_study(
        {
            "training": {"epochs": epochs, "optimizer": {"learning_rate": learning_rate}},
            "slice": {"window": list(window)},
            "experiments": {"a": {}},
        }
    )
    assert make_study(yaml.safe_load(as_yaml(study.model_dump(mode="json")))) == study


def test_the_check_command_prints_the_whole_study(tmp_path, run_synaxial, assert_clear_error):
    path = tmp_path / "study.yaml"
    path.write_text("slice: {first: 70}")
    done = run_synaxial("check", "--config", path)
    assert done.returncode == 0, done.stderr
    assert make_study(yaml.safe_load(done.stdout)) == read_study(path)
    path.write_text("resize: {size: 100}")
    assert_clear_error(run_synaxial("check", "--config", path), "resize.size is 100")


def test_images_too_small_for_the_metrics_are_refused():
    content = {"resize": {"size": 32}}
    with pytest.raises(
        SynaxialError, match="32 pixels are too few to evaluate images; expected 64"
    ):
        check_evaluation(make_study(content))
    check_evaluation(make_study({**content, "acquire": {"held_out": []}}))


@pytest.mark.parametrize(
    ("content", "width", "pixel"),
    [
        ({}, 240, 240 / 256),
        ({"resize": {"size": 64}}, 240, 3.75),
        ({"resize": {"size": 300, "mode": "pad"}}, 300, 1),
        ({"resize": {"field_of_view": 256}}, 256, 1),
        # A sagittal 3-D FLAIR.
        ({"acquire": {"volume": {"shape": [160, 256, 256], "spacing": [1.2, 1, 1]}}}, 256, 1),
        ({"acquire": {"volume": {"shape": [160, 100, 100], "spacing": [1.2, 1, 1]}}}, 192, 0.75),
        (
            {
                "acquire": {"volume": {"shape": None, "spacing": None}},
                "resize": {"field_of_view": 200, "size": 64},
            },
            200,
            3.125,
        ),
    ],
)
def test_a_pixel_has_one_size_in_mm(content, width, pixel):
    study = make_study(content)
    assert field_of_view(study) == width
    assert pixel_millimetres(study) == pytest.approx(pixel)


@pytest.mark.parametrize(
    ("volume", "mode", "message"),
    [
        ({"shape": None}, "resize", r"resize.field_of_view: is not set, .* null; expected the"),
        (
            {"spacing": None},
            "resize",
            r"resize.field_of_view: is not set, .* null; expected the",
        ),
        (
            {"spacing": None},
            "pad",
            r"pad does not resample, but .* is null; expected square",
        ),
        ({"spacing": [1.2, 1, 1]}, "pad", r"pad does not resample, but .* is \(1.2, 1.0, 1.0\);"),
    ],
)
def test_a_pixel_that_may_have_several_sizes_is_refused(volume, mode, message):
    study = make_study({"acquire": {"volume": volume}, "resize": {"mode": mode}})
    with pytest.raises(SynaxialError, match=message):
        pixel_millimetres(study)


def test_padding_has_no_field_of_view():
    with pytest.raises(SynaxialError, match="field_of_view is for mode: resize"):
        make_study({"resize": {"mode": "pad", "field_of_view": 240}})


@pytest.mark.parametrize(
    "content",
    [
        {"catalogue": "postgresql://user:secret@host/name"},
        {"acquire": {"archive": {"location": ["https://user:secret@host/a.tar"]}}},
        {"acquire": {"archive": {"location": {"url": "https://user:secret@host/a.tar"}}}},
    ],
)
def test_a_password_in_the_wrong_place_is_not_shown(content):
    with pytest.raises(SynaxialError, match="found a text with a password; expected") as refused:
        make_study(content)
    assert "secret" not in str(refused.value)


def test_a_value_in_place_of_a_section_is_refused():
    with pytest.raises(SynaxialError, match=r"optimizer: found 'adam'; expected keys and values$"):
        make_study({"training": {"optimizer": "adam"}})
