"""Stacks: functions of generator, seed, stack and image, and files that others can open."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pydantic import ValidationError

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config.model import Generator as GeneratorSettings
from synaxial.config.model import Latent, Sample, Training
from synaxial.gan.image_inputs import independent
from synaxial.gan.networks import Generator
from synaxial.gan.networks.conditions import Conditions
from synaxial.gan.networks.generator import generate_images
from synaxial.gan.networks.randomness import CALIBRATION, SAMPLE, ImageRandomness, draw_latents
from synaxial.gan.networks.saving import (
    calibrate,
    digest_of,
    load_generator,
    network_arrays,
    save_network,
)
from synaxial.gan.sampling import make_pages, pages_of
from synaxial.io.stacks import count_images, images_of, masks_of, read_stack

LATENT = Latent(size=6)


def make_generator(channels=3):
    np.random.seed(1)  # noqa: NPY002
    settings = GeneratorSettings(channels=[8, 8, channels], dropout=0.5)
    return Generator(settings, LATENT.size, initial_deviation=0.5)


def save_trained(generator, path):
    training = Training(latent=LATENT, generator=generator.settings)
    save_network(generator, training, path, calibrate(generator, LATENT))
    return training


def stack_of(generator, number=0, **settings):
    sample = Sample(images=settings.pop("images", 45), **settings)
    inputs = independent(Conditions(()), sample, number, Path("generator.npz"))
    return np.stack(list(make_pages(generator, LATENT, sample, inputs)))


@pytest.mark.parametrize("dropout", [False, True])
def test_an_image_is_a_function_of_seed_stack_and_number(dropout):
    generator = make_generator()
    long = stack_of(generator, dropout=dropout)
    assert (long.shape, long.dtype) == ((45, 16, 16, 3), np.uint8)
    # Fewer images, other chunks: the same images.
    short = stack_of(generator, dropout=dropout, images=7)
    np.testing.assert_array_equal(long[:7], short)
    np.testing.assert_array_equal(long, stack_of(generator, dropout=dropout))
    for other in ({"number": 1}, {"seed": 8}):
        assert not np.array_equal(long, stack_of(generator, dropout=dropout, **other))
    assert len({image.tobytes() for image in long}) == 45


def test_dropout_changes_the_images_and_batch_statistics_do_too():
    generator = make_generator()
    plain = stack_of(generator)
    assert not np.array_equal(plain, stack_of(generator, dropout=True))
    assert not np.array_equal(plain, stack_of(generator, batch_normalization="batch"))


def test_calibrated_statistics_are_those_of_images_without_dropout():
    generator = make_generator()
    # Statistics as dropout leaves them: of every second value, twice as large.
    for normalization in generator.normalizations:
        normalization.avg_mean[...] = 5
        normalization.avg_var[...] = 9
    statistics = calibrate(generator, LATENT)
    batches = [
        ImageRandomness(np, [(CALIBRATION, batch, i) for i in range(40)]) for batch in range(5)
    ]
    latents = np.concatenate([draw_latents(batch, 40, LATENT) for batch in batches])
    hidden = generator.connected(latents).array
    means = statistics["normalizations/0/avg_mean"]
    variances = statistics["normalizations/0/avg_var"]
    np.testing.assert_allclose(means, hidden.mean(axis=0), atol=1e-4)
    # Within the batches: what differs between their means is not in it.
    np.testing.assert_allclose(variances, hidden.var(axis=0), rtol=0.2)
    assert generator.normalizations[0].avg_mean[0] == 5
    assert variances.max() < 9


def test_sampling_does_not_change_the_generator():
    generator = make_generator()
    before = digest_of(generator)
    stack_of(generator, dropout=True, batch_normalization="batch")
    assert digest_of(generator) == before


def test_the_whole_range_of_the_output_becomes_0_to_255():
    class Ramp:
        output_range = (-1.0, 1.0)

        def __call__(self, _latents, _randomness):
            return chainer.Variable(np.array([[[[-1.0, 0.0, 1.0]]]], np.float32))

    np.testing.assert_array_equal(generate_images(Ramp(), None)[0, 0, :, 0], [0, 128, 255])


def test_one_channel_becomes_three_equal_ones():
    stack = stack_of(make_generator(channels=1))
    assert stack.shape == (45, 16, 16, 3)
    np.testing.assert_array_equal(stack[..., 0], stack[..., 2])


def test_a_saved_generator_is_the_same(tmp_path):
    generator = make_generator()
    training = save_trained(generator, tmp_path / "generator.npz")
    loaded = load_generator(tmp_path / "generator.npz")
    assert loaded.settings == training.model_dump(mode="json")
    assert digest_of(loaded.network) == digest_of(generator)
    np.testing.assert_array_equal(stack_of(loaded.network), stack_of(generator))
    calibrated = loaded.with_calibrated_statistics()
    found = network_arrays(calibrated)
    for name, array in calibrate(generator, LATENT).items():
        np.testing.assert_array_equal(found[name], array)
    assert not np.array_equal(stack_of(calibrated), stack_of(generator))
    assert digest_of(loaded.network) == digest_of(generator)


def test_a_generator_is_read_though_settings_of_its_training_are_invalid_now(tmp_path):
    path = tmp_path / "generator.npz"
    generator = make_generator()
    settings = save_trained(generator, path).model_dump(mode="json")
    settings |= {"clipping": 0.01, "r1": 1.0, "critic_steps": 1, "optimizer": {"alpha": 1e-4}}
    del settings["masks"]
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"settings": np.array(json.dumps(settings))})
    with pytest.raises(ValidationError):
        Training.model_validate(settings)
    loaded = load_generator(path)
    assert digest_of(loaded.network) == digest_of(generator)
    assert loaded.settings == settings
    assert not loaded.masks


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps({"sample": {"images": 12, "seed": 3}}))
    return path


def test_the_command_writes_a_stack_that_says_what_it_is(tmp_path, study, run_synaxial):
    generator = make_generator()
    save_trained(generator, tmp_path / "generator.npz")
    arguments = ("--config", study, "--generator", tmp_path / "generator.npz", "--stack", "2")
    for name in ("a.tif", "b.tif"):
        done = run_synaxial("sample", *arguments, "--output", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(f"NumPy {np.__version__}, ") == 1
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 12
        description = json.loads(file.pages[5].description)
        page = file.pages[5].asarray()
    assert description["generator"] == digest_of(generator)
    assert (description["seed"], description["stack"], description["image"]) == (3, 2, 5)
    assert description["generated"] is True
    calibrated = load_generator(tmp_path / "generator.npz").with_calibrated_statistics()
    np.testing.assert_array_equal(page, stack_of(calibrated, 2, seed=3, images=12)[5])


def content_without_network(path):
    np.savez(path, settings=np.array(Training().model_dump_json()))


def content_with_pickle(path):
    np.savez(path, settings=np.array([{}], dtype=object))


def content_stretched(path):
    generator = make_generator()
    arrays = {
        "settings": np.array(
            Training(latent=LATENT, generator=generator.settings).model_dump_json()
        )
    }
    arrays |= network_arrays(generator)
    arrays |= {f"calibrated/{name}": a for name, a in calibrate(generator, LATENT).items()}
    arrays["connected/W"] = arrays["connected/W"][:1]
    np.savez(path, **arrays)


def content_nan(path):
    generator = make_generator()
    generator.connected.W.array[0] = np.nan
    save_trained(generator, path)


def content_without_calibration(path):
    generator = make_generator()
    save_network(generator, Training(latent=LATENT, generator=generator.settings), path)


def content_cut(path):
    save_trained(make_generator(), path)
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    "write",
    [
        content_without_network,
        content_with_pickle,
        content_without_calibration,
        content_cut,
        content_stretched,
        content_nan,
    ],
)
def test_a_bad_generator_is_one_clear_line(
    tmp_path, study, run_synaxial, assert_clear_error, write
):
    path = tmp_path / "generator.npz"
    write(path)
    output = tmp_path / "out.tif"
    done = run_synaxial("sample", "--config", study, "--generator", path, "--output", output)
    assert_clear_error(done, "generator.npz")
    assert not output.exists()


def test_two_channels_are_an_image_and_its_mask():
    generator = make_generator(channels=2)
    stack = stack_of(generator)
    assert (stack.shape, stack.dtype) == ((90, 16, 16, 3), np.uint8)
    numbers = [(SAMPLE, Sample().seed, 0, i) for i in range(45)]
    latents = draw_latents(ImageRandomness(np, numbers), 45, LATENT)
    made = generate_images(generator, latents)
    for channel in range(3):
        np.testing.assert_array_equal(stack[0::2, ..., channel], made[..., 0])
        np.testing.assert_array_equal(stack[1::2, ..., channel] == 255, made[..., 1] >= 128)
    assert set(np.unique(stack[1::2])) == {0, 255}
    # Fewer images are the same ones.
    np.testing.assert_array_equal(stack_of(generator, images=7), stack[:14])


def test_the_half_of_255_is_the_border_of_a_mask():
    values = np.array([0, 127, 128, 255], np.uint8)
    images = np.stack([values, values], axis=1).reshape(4, 1, 1, 2)
    pages = pages_of(images)
    np.testing.assert_array_equal(pages[0::2, 0, 0, 1], values)
    np.testing.assert_array_equal(pages[1::2, 0, 0, 1], [0, 0, 255, 255])


def test_the_command_writes_images_with_masks(tmp_path, study, run_synaxial):
    generator = make_generator(channels=2)
    training = Training(latent=LATENT, generator=generator.settings, masks=True)
    calibrated = calibrate(generator, LATENT)
    save_network(generator, training, tmp_path / "generator.npz", calibrated)
    path = tmp_path / "a.tif"
    done = run_synaxial(
        *("sample", "--config", study, "--generator", tmp_path / "generator.npz"),
        *("--stack", "2", "--output", path),
    )
    assert done.returncode == 0, done.stderr
    assert "12 images of generator" in done.stderr
    stack = read_stack(path)
    images, masks = images_of(stack), masks_of(stack)
    assert stack.pages.shape == (24, 16, 16, 3)
    assert (len(images.pages), len(masks.pages), count_images(path)) == (12, 12, 12)
    assert stack.descriptions[11] == {
        "generated": True,
        "generator": digest_of(generator),
        "seed": 3,
        "stack": 2,
        "image": 5,
        "dropout": False,
        "batch_normalization": "calibrated",
        "channel": "mask",
    }
    # What is written without masks says nothing of channels.
    save_trained(make_generator(), tmp_path / "generator.npz")
    run_synaxial(
        *("sample", "--config", study, "--generator", tmp_path / "generator.npz"),
        *("--output", path),
    )
    assert "channel" not in read_stack(path).descriptions[0]
