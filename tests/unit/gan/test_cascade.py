"""A coarse generator with its up-sampler: one file, sampled as any generator; enlarged slices."""

import json
from pathlib import Path

import numpy as np
import pytest

from synaxial.cli import make_app
from synaxial.compute.parallel import use_threads
from synaxial.compute.processes import in_processes
from synaxial.config.model import Sample, Training
from synaxial.gan.image_inputs import independent, interpolation
from synaxial.gan.networks.cascade import Cascade
from synaxial.gan.networks.coarse import Growth
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.randomness import SAMPLE, ImageRandomness
from synaxial.gan.networks.saving import (
    calibrate,
    digest_of,
    load_generator,
    load_upsampler,
    make_generator,
    make_upsampler,
    save_network,
)
from synaxial.gan.networks.upsampler import Upsampler
from synaxial.gan.sampling import as_sampled, make_pages
from synaxial.io.errors import SynaxialError
from synaxial.io.stacks import read_stack, write_stack

SETTINGS = {
    "architecture": "coarse_to_fine",
    "latent": {"size": 6},
    "coarse": {"channels": [8, 6], "first_width": 8},
    "upsampler": {"factor": 4, "width": 8},
}


def make_training(**settings):
    return Training.model_validate({**SETTINGS, **settings})


def make_trained(training):
    """A generator of 32 x 32 pixels whose noise has an effect."""
    np.random.seed(1)  # noqa: NPY002 -- Chainer's initialisers draw from it
    network = make_generator(training)
    for name, parameter in network.namedparams():
        if name.endswith("strengths"):
            parameter.array[...] = 0.5
    return network


def stack_of(network, training, number=0, **settings):
    sample = Sample(images=settings.pop("images", 25), **settings)
    inputs = independent(network.conditions, sample, number, Path("generator.npz"))
    return np.stack(list(make_pages(network, training.latent, sample, inputs)))


def test_an_image_is_a_function_of_seed_stack_and_number():
    training = make_training()
    network = make_trained(training)
    long = stack_of(network, training)
    assert (long.shape, long.dtype) == ((25, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(long[:7], stack_of(network, training, images=7))
    for other in ({"number": 1}, {"seed": 8}):
        assert not np.array_equal(long, stack_of(network, training, **other))
    # Batch normalisation has nothing to say here.
    np.testing.assert_array_equal(long, stack_of(network, training, batch_normalization="batch"))


def test_images_of_a_series_have_the_detail_of_one(monkeypatch):
    training = make_training()
    network = make_trained(training)
    pixels = np.random.default_rng(3).integers(0, 256, (40, 32, 32)).astype(np.uint8)
    # From smooth to rough.
    pixels = (pixels * np.linspace(0.01, 1, 40)[:, None, None]).astype(np.uint8) + 60
    network.upsampler.learn_details(pixels)
    used = []
    enlarge = Upsampler.enlarge_whole

    def noted(self, images, details, randomness):
        used.append(np.array(details))
        return enlarge(self, images, details, randomness)

    monkeypatch.setattr(Upsampler, "enlarge_whole", noted)
    sample = Sample(images=25)
    way = interpolation(Conditions(()), sample, 0, Path("g"), training.latent, (3, 17), 25)
    pages = np.stack(list(make_pages(network, training.latent, sample, way)))
    assert [len(details) for details in used] == [1, 10, 10, 4]
    assert (np.concatenate(used) == used[0][0]).all()
    used.clear()
    # The way begins at that image of the stack.
    np.testing.assert_array_equal(pages[0], stack_of(network, training)[3])
    assert len(np.unique(np.concatenate(used), axis=0)) > 5
    assert network.detail is None


@pytest.mark.parametrize("masks", [False, True])
def test_a_file_gives_the_same_images(tmp_path, masks):
    training = make_training(masks=masks)
    network = make_trained(training)
    save_network(network, training, tmp_path / "generator.npz", calibrate(network, training.latent))
    loaded = load_generator(tmp_path / "generator.npz")
    assert (loaded.masks, digest_of(loaded.network)) == (masks, digest_of(network))
    read = as_sampled(loaded, Sample())
    pages = stack_of(read, training, images=5)
    np.testing.assert_array_equal(pages, stack_of(network, training, images=5))
    if masks:
        assert len(pages) == 10
        assert set(np.unique(pages[1::2])) <= {0, 255}


def test_truncated_images_are_less_apart_and_their_pages_say_so(tmp_path, run_synaxial):
    training = make_training()
    network = make_trained(training)
    # As in a trained one, the average of the first pixels is not 0.
    first = network.coarse.connected.b.array
    first[...] = np.random.default_rng(2).standard_normal(first.shape)
    path = tmp_path / "generator.npz"
    save_network(network, training, path, calibrate(network, training.latent))
    spread = []
    for truncation in (1.0, 0.3):
        study, output = tmp_path / "study.yaml", tmp_path / f"{truncation}.tif"
        study.write_text(json.dumps({"sample": {"images": 25, "truncation": truncation}}))
        words = ["--config", study, "--generator", path, "--output", output, "--device", "cpu"]
        assert run_synaxial("sample", *words).returncode == 0
        stack = read_stack(output)
        said = {page.get("truncation") for page in stack.descriptions}
        assert said == {0.3 if truncation < 1 else None}
        spread.append(stack.pages.astype(float).std(axis=0).mean())
    assert spread[1] < 0.9 * spread[0]


def test_an_image_does_not_depend_on_its_mask_and_background_is_no_tumour():
    training = make_training(masks=True)
    network = make_trained(training)
    pages = stack_of(network, training, images=5)
    assert (pages[1::2] > 0).any()
    assert not pages[1::2][pages[::2] == 0].any()
    # The mask's texture, of the coarse generator's last layer.
    network.coarse.to_images[-1].b.array[1] += 3
    other = stack_of(network, training, images=5)
    np.testing.assert_array_equal(other[::2], pages[::2])
    assert other[1::2].sum() > pages[1::2].sum()


def test_background_is_exactly_0():
    training = make_training()
    network = make_trained(training)
    # The coarse generator's logits of brain: none in the upper half.
    network.coarse.to_images[-1].b.array[1] = -50
    assert not stack_of(network, training, images=5).any()


def test_a_generator_that_has_not_grown_makes_images_of_full_size():
    training = make_training(coarse={"channels": [8, 6, 4], "first_width": 8})
    network = make_trained(training)
    assert isinstance(network, Cascade)
    network.coarse.growth = Growth(8)
    latents = np.zeros((2, 6), np.float32)
    images = network(latents, ImageRandomness(np, [(SAMPLE, 0, 0, i) for i in range(2)]))
    assert images.shape == (2, 1, 64, 64)


def saved_upsampler(folder, **settings):
    training = make_training(**settings)
    np.random.seed(1)  # noqa: NPY002 -- Chainer's initialisers draw from it
    save_network(make_upsampler(training), training, folder / "upsampler.npz")
    return folder / "upsampler.npz"


def apply(*arguments):
    make_app("upsampler apply")(
        ["upsampler", "apply", "--device", "cpu", *map(str, arguments)], standalone_mode=False
    )


def write_slices(path, width):
    pixels = np.random.default_rng(0).integers(1, 256, (3, width, width), np.uint8)
    pixels[:, : width // 4] = 0
    write_stack(path, pixels, [{"subject": "a", "slice": n, "seed": 9} for n in range(3)])
    return pixels


def test_slices_are_enlarged_and_say_so(tmp_path):
    path = saved_upsampler(tmp_path)
    write_slices(tmp_path / "small.tif", 8)
    output = tmp_path / "large.tif"
    apply(tmp_path / "small.tif", "--upsampler", path, "-o", output)
    found = read_stack(output)
    assert found.pages.shape == (3, 32, 32, 3)
    assert not found.pages[:, :6].any()
    assert found.descriptions[2] == {
        "subject": "a",
        "slice": 2,
        # The given page's own.
        "seed": 9,
        "detail": "invented",
        "upsampler": digest_of(load_upsampler(path)),
        "detail_seed": 0,
    }
    again, other = tmp_path / "again.tif", tmp_path / "other.tif"
    apply(tmp_path / "small.tif", "--upsampler", path, "-o", again)
    apply(tmp_path / "small.tif", "--upsampler", path, "-o", other, "--seed", 1)
    assert again.read_bytes() == output.read_bytes()
    assert not np.array_equal(read_stack(other).pages, found.pages)


def test_slices_that_are_first_reduced_keep_their_size(tmp_path):
    path = saved_upsampler(tmp_path)
    given = write_slices(tmp_path / "slices.tif", 32)
    apply(tmp_path / "slices.tif", "--upsampler", path, "-o", tmp_path / "o.tif", "--reduce")
    found = read_stack(tmp_path / "o.tif").pages[..., 0]
    assert found.shape == given.shape
    means = [images.reshape(3, 8, 4, 8, 4).mean((2, 4)) for images in (given, found)]
    assert np.corrcoef(means[0].ravel(), means[1].ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("width", "options", "expected"),
    [
        (34, ["--reduce"], "squares, 32 or more pixels wide and a multiple of 4"),
        (4, ["--reduce"], "squares, 32 or more pixels wide and a multiple of 4"),
        (4, [], "squares, 8 or more pixels wide"),
    ],
)
def test_slices_of_another_width(tmp_path, width, options, expected):
    path = saved_upsampler(tmp_path)
    write_slices(tmp_path / "slices.tif", width)
    message = rf"slices\.tif: its pages have {width} x {width} pixels; expected {expected}$"
    with pytest.raises(SynaxialError, match=message):
        apply(tmp_path / "slices.tif", "--upsampler", path, "-o", tmp_path / "o.tif", *options)
    assert not (tmp_path / "o.tif").exists()


def test_another_file_is_no_up_sampler(tmp_path):
    training = make_training()
    save_network(make_trained(training), training, tmp_path / "generator.npz")
    with pytest.raises(SynaxialError, match=r"generator\.npz: does not hold an up-sampler"):
        load_upsampler(tmp_path / "generator.npz")
    np.savez(tmp_path / "other.npz", settings=np.array(json.dumps([])))
    with pytest.raises(SynaxialError, match=r"other\.npz: does not hold an up-sampler"):
        load_upsampler(tmp_path / "other.npz")


@pytest.mark.parametrize("masks", [False, True])
def test_processes_make_the_same_images(masks, monkeypatch):
    training = make_training(masks=masks)
    network = make_trained(training)
    alone = stack_of(network, training, images=23)
    used = []

    def noted(work, tasks, processes, *said):
        used.append(processes)
        return in_processes(work, tasks, processes, *said)

    monkeypatch.setattr("synaxial.gan.sampling.in_processes", noted)
    for threads, expected in ((3, (3, 1)), (8, (3, 2))):
        with use_threads(threads):
            np.testing.assert_array_equal(stack_of(network, training, images=23), alone)
        assert used.pop() == expected
