"""An exported generator gives the images of our own network, in two programs that read ONNX."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator
from scipy.ndimage import binary_dilation, gaussian_filter

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Training
from synaxial.gan.networks.randomness import SAMPLE, ImageRandomness, draw_latents
from synaxial.gan.networks.saving import digest_of, make_upsampler
from synaxial.gan.networks.upsampler import SURE
from synaxial.gan.ops.background import inside_brain, near_brain, repeated, without_holes
from synaxial.studies.export.graph import FORMAT, OPERATORS, Graph
from synaxial.studies.export.inputs import inputs_of
from synaxial.studies.export.model import make_model
from synaxial.studies.export.upsampler_graph import (
    add_details,
    add_inside,
    add_near,
    add_outside,
)

from .generators import COARSE_TO_FINE, CONDITIONS, PAPER, make_trained

LABELS = np.float32([[70, 1, 1, 20], [95, 0, 0, 0], [84.5, 1, -0.6, 40]])

KINDS = {
    "paper": PAPER,
    "paper, every up-sampling": {
        **PAPER,
        "generator": {
            "channels": [8, 8, 6, 6, 4, 1],
            "upsampling": ["nearest", "bilinear", "sub_pixel", "nearest", "transposed"],
            "activation": "elu",
            "output_activation": "sigmoid",
            "last_layer": False,
        },
        "latent": {"size": 6, "distribution": "uniform"},
    },
    "paper, without batch normalisation": {
        **PAPER,
        "generator": {**PAPER["generator"], "activation": "relu", "batch_normalization": False},
    },
    "coarse to fine": COARSE_TO_FINE,
    "with conditions": {**COARSE_TO_FINE, "conditions": CONDITIONS},
    "with levels": {**COARSE_TO_FINE, "conditions": ["level"]},
    "with masks": {**COARSE_TO_FINE, "masks": True, "conditions": ["tumour"]},
    "enlarged by 8, without noise": {
        **COARSE_TO_FINE,
        "coarse": {"channels": [8, 6], "first_width": 8, "noise": False, "background": False},
        "upsampler": {"factor": 8, "width": 6},
    },
}


def in_onnxruntime(model):
    options = onnxruntime.SessionOptions()
    # Its threads wait for each other; beside other work that takes long.
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def streams(count):
    return ImageRandomness(np, [(SAMPLE, 7, 0, n) for n in range(count)])


def our_images(trained, count, labels):
    """The images of our network within its range, float32 (count, channels, W, W)."""
    network, randomness = trained.with_calibrated_statistics(), streams(count)
    latents = draw_latents(randomness, count, trained.latent)
    arguments = (randomness,) if network.needs_randomness else ()
    if labels is not None:
        arguments += (labels,)
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        images = network(latents, *arguments).array
    return np.clip(images, *network.output_range)


def drawn_inputs(training, count, labels):
    """What the exported generator is given for the same images."""
    randomness, values = streams(count), {}
    for given in inputs_of(training):
        shape = (count, given.size)
        values[given.name] = {
            "asked": lambda shape: labels,
            "normal": randomness.normal,
            "uniform": randomness.uniform,
            "symmetric": lambda shape: 2 * randomness.uniform(shape) - 1,
        }[given.drawn](shape)
    return values


@pytest.mark.parametrize("kind", KINDS)
def test_the_images_are_ours(tmp_path, kind):
    trained = make_trained(tmp_path / "generator.npz", KINDS[kind])
    training = Training.model_validate(KINDS[kind])
    model = make_model(trained)
    onnx.checker.check_model(model, full_check=True)
    session = in_onnxruntime(model)
    low, high = trained.network.output_range
    for count in (3, 1):
        labels = LABELS[:count] if training.conditions else None
        ours = our_images(trained, count, labels)
        (found,) = session.run(["images"], drawn_inputs(training, count, labels))
        assert (found.shape, found.dtype) == (ours.shape, np.float32)
        assert ours.std() > 0.1
        # In units of half of the range.
        scaled = found * ((high - low) / 255) + low
        np.testing.assert_allclose(scaled, ours, rtol=0, atol=1e-4)
        if training.is_coarse_to_fine:
            np.testing.assert_array_equal(found[:, 0] == 0, ours[:, 0] == -1)
            assert (found[:, 0] == 0).any()
    given = drawn_inputs(training, 1, labels)
    # The implementation in NumPy that belongs to the specification.
    (other,) = ReferenceEvaluator(model).run(["images"], given)
    np.testing.assert_allclose(other, found, rtol=0, atol=1e-4 * 127.5)
    # Every input matters.
    for name, values in given.items():
        (other,) = session.run(["images"], given | {name: 1 - values})
        assert np.abs(other - found).max() > 0.5, name


def test_background_is_what_paths_join_to_the_border():
    random = np.random.default_rng(3)
    logits = random.normal(0.2, 1, (3, 1, 24, 24)).astype(np.float32)
    # A path that turns back and forth, and a hole.
    logits[0] = 1
    logits[0, 0, 2:23:4, 1:23] = logits[0, 0, 4:23:4, 1:23] = -1
    logits[0, 0, 3:23:4, 1] = logits[0, 0, 5:23:4, 22] = logits[0, 0, 0:2, 22] = -1
    logits[1, 0, 8:12, 8:12], logits[1, 0, 7:13, 7:13:5], logits[1, 0, 7:13:5, 7:13] = -1, 1, 1
    graph = Graph()
    outside = add_outside(graph, "logits", 24)
    number, truth = TensorProto.FLOAT, TensorProto.BOOL
    shape = ("N", 1, 24, 24)
    made = graph.finish("outside", [("logits", number, shape)], [(outside, truth, shape)])
    (found,) = in_onnxruntime(as_model(made)).run(None, {"logits": logits})
    np.testing.assert_array_equal(~found, without_holes(logits > 0))
    assert found[0, 0, 22, 1:23].all()
    assert (logits[1, 0, 8:12, 8:12] < 0).all()
    assert not found[1, 0, 8:12, 8:12].any()


@pytest.mark.parametrize("width", [16, 48, 64])
def test_brain_is_near_the_same_parts_as_ours(width):
    random = np.random.default_rng(5)
    # Parts of many sizes, some at the border.
    images = gaussian_filter(random.normal(size=(5, 1, width, width)), (0, 0, 2, 2))
    images = (images * 20 - 0.9).clip(-1, 1).astype(np.float32)
    graph = Graph()
    made_of = add_near(graph, "images", width, 4), add_inside(graph, "images", 4)
    number, truth = TensorProto.FLOAT, TensorProto.BOOL
    given = [("images", number, ("N", 1, width, width))]
    made = graph.finish("near", given, [(n, truth, ("N", 1, *[4 * width] * 2)) for n in made_of])
    found, inside = in_onnxruntime(as_model(made)).run(None, {"images": images})
    np.testing.assert_array_equal(found, repeated(near_brain(images > SURE), 4))
    np.testing.assert_array_equal(inside, repeated(inside_brain(images > SURE), 4))
    every = binary_dilation(images > SURE, np.ones((1, 1, 3, 3)))
    # In 16 pixels, a single one is as large as a part must be.
    assert (found[..., ::4, ::4].sum() < every.sum()) == (width > 16)


def as_model(graph):
    opsets = [onnx.helper.make_opsetid("", OPERATORS)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=FORMAT)


@pytest.mark.parametrize("known", [5, 200])
def test_the_detail_is_that_of_a_similar_training_image(known):
    np.random.seed(1)  # noqa: NPY002 -- Chainer's initialisers draw from it
    network = make_upsampler(Training.model_validate(COARSE_TO_FINE))
    random = np.random.default_rng(4)
    some = random.normal([-2, 0, 0, -2, 0, 0], 0.5, (known, 6))
    network.known[...] = some[np.arange(len(network.known)) % known]
    images = random.normal(0, 0.4, (40, 1, 16, 16)).clip(-1, 1).astype(np.float32)
    images[:, :, :2], images[0] = -1, -1
    graph = Graph()
    details = add_details(graph, network, "images", 16, "detail")
    number = TensorProto.FLOAT
    given = [("images", number, ("N", 1, 16, 16)), ("detail", number, ("N", 1))]
    made = graph.finish("details", given, [(details, number, ("N", 3))])
    values = {"images": images, "detail": streams(40).uniform((40, 1))}
    (found,) = in_onnxruntime(as_model(made)).run(None, values)
    np.testing.assert_allclose(found, network.draw_details(images, streams(40)), atol=1e-6)
    assert len(np.unique(found, axis=0)) > min(known, 16) // 2
    # A number of 1 is the last of the nearest, as is the largest number below it.
    below, one = (
        in_onnxruntime(as_model(made)).run(
            None, {"images": images, "detail": np.full((40, 1), number, np.float32)}
        )
        for number in (np.nextafter(np.float32(1), np.float32(0)), 1)
    )
    np.testing.assert_array_equal(one, below)


def test_the_file_says_what_it_is(tmp_path, run_synaxial):
    settings = {**COARSE_TO_FINE, "conditions": CONDITIONS, "masks": True}
    trained = make_trained(tmp_path / "generator.npz", settings)
    path = tmp_path / "generator.onnx"
    done = run_synaxial(
        "export", "onnx", "--generator", tmp_path / "generator.npz", "--output", path
    )
    assert done.returncode == 0, done.stderr
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    assert about["generator"] == digest_of(trained.network)
    assert json.loads(about["settings"]) == trained.settings
    assert json.loads(about["known"]) == {"level": [60, 99], "tumour": [8, 46]}
    assert "Not for diagnosis" in about["purpose"]
    names = ["latents", "labels", "coarse_noise", "detail", "upsampler_noise"]
    assert [given.name for given in session.get_inputs()] == names == [*json.loads(about["inputs"])]
    sizes = [6, 4, 4**2 + 2 * 8**2 + 2 * 16**2, 1, 2 * 16**2 + 32**2]
    assert [given.shape for given in session.get_inputs()] == [["N", size] for size in sizes]
    assert session.get_outputs()[0].shape == ["N", 2, 32, 32]


def test_without_the_package(tmp_path, run_synaxial, assert_clear_error, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    make_trained(tmp_path / "generator.npz", PAPER)
    path = tmp_path / "generator.onnx"
    done = run_synaxial(
        "export", "onnx", "--generator", tmp_path / "generator.npz", "--output", path
    )
    assert_clear_error(done, 'install it with: pip install "synaxial[export]"')
    assert not path.exists()


def test_a_file_is_not_overwritten(tmp_path, run_synaxial, assert_clear_error):
    path = tmp_path / "generator.npz"
    make_trained(path, PAPER)
    content = path.read_bytes()
    done = run_synaxial("export", "onnx", "--generator", path, "--output", path)
    assert_clear_error(done, "generator.npz: exists; expected a name that is free")
    assert path.read_bytes() == content
