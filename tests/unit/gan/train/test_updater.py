"""One iteration of the training against the same steps written out with plain Chainer."""

import time
from types import SimpleNamespace

import numpy as np
import pytest

from synaxial.compute.chainer_compatibility import chainer
from synaxial.config import make_study
from synaxial.gan.networks.randomness import TRAINING, BatchRandomness, draw_latents
from synaxial.gan.networks.saving import network_arrays
from synaxial.gan.train.batches import RankBatches
from synaxial.gan.train.communication import open_communicator, open_world
from synaxial.gan.train.inputs import Inputs
from synaxial.gan.train.losses import LOSSES, gradient_penalty
from synaxial.gan.train.setup import make_networks, make_session
from synaxial.gan.train.stopping import Stop, check_finite
from synaxial.gan.train.updater import follow

from .conftest import TINY, assert_same


def tiny_training(**differences):
    study = make_study({"training": {**TINY, **differences}, "experiments": {"tiny": {}}})
    return study.experiments["tiny"], study.monitoring


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 16, 16), dtype=np.uint8)


def gradients_of(network):
    return {name: parameter.grad.copy() for name, parameter in network.namedparams()}


def session_of(training, monitoring, images, folder):
    communicator, device = open_communicator(open_world(1), "cpu")
    inputs = Inputs(training, monitoring, images, "f")
    stop = Stop(inputs.iterations, np.inf, time.monotonic(), communicator)
    return make_session(inputs, communicator, device, folder, stop)


@pytest.mark.parametrize("loss", LOSSES)
def test_an_iteration_is_one_step_of_each_network(images, tmp_path, loss):
    training, monitoring = tiny_training(loss=loss)
    session = session_of(training, monitoring, images, tmp_path)
    session.trainer.updater.update()

    # The same, with whole backward passes and Chainer's own updates.
    expected = make_networks(training, 16, chainer.get_device("@numpy"))
    optimizers = []
    for network in (expected.generator, expected.discriminator):
        optimizer = chainer.optimizers.Adam(alpha=0.0002, beta1=0.5).setup(network)
        optimizer.add_hook(chainer.optimizer_hooks.WeightDecay(0.001))
        optimizers.append(optimizer)
    randomness = BatchRandomness(np, TRAINING, training.seed, 0, 0)
    indices = next(RankBatches(20, 4, training.seed, 0, 1))
    real = images[indices].astype(np.float32)[:, None] / 127.5 - 1
    real = np.broadcast_to(real, (4, 3, 16, 16)).copy()
    fake = expected.generator(draw_latents(randomness, 4, training.latent), randomness)
    score_real = expected.discriminator(real, randomness)
    score_fake = expected.discriminator(fake.array, randomness)
    loss_discriminator = LOSSES[loss].discriminator(score_real, score_fake)
    expected.discriminator.cleargrads()
    loss_discriminator.backward()
    gradients = {"discriminator": gradients_of(expected.discriminator)}
    optimizers[1].update()
    loss_generator = LOSSES[loss].generator(expected.discriminator(fake, randomness))
    expected.generator.cleargrads()
    loss_generator.backward()
    gradients["generator"] = gradients_of(expected.generator)
    optimizers[0].update()

    for name, of_network in gradients.items():
        ours = gradients_of(getattr(session.networks, name))
        weights = network_arrays(getattr(session.networks, name))
        largest = max(np.abs(gradient).max() for gradient in of_network.values())
        for key, gradient in of_network.items():
            np.testing.assert_allclose(ours[key], gradient, rtol=1e-4, atol=1e-5 * largest)
            # Adam makes a whole step of a gradient that is nothing but rounding.
            clear = np.abs(gradient) > 1e-3 * largest
            theirs = network_arrays(getattr(expected, name))[key.lstrip("/")]
            np.testing.assert_allclose(weights[key.lstrip("/")][clear], theirs[clear], rtol=1e-4)
    observed = session.trainer.updater.observed
    assert observed["loss_generator"] == pytest.approx(float(loss_generator.array), rel=1e-4)
    assert observed["score_real"] == pytest.approx(float(score_real.array.mean()), rel=1e-4)


UNNORMALISED = {
    **TINY["discriminator"],
    "batch_normalization": False,
    "noise": 0.0,
    "last_activation": "leaky_relu",
}


def test_the_generator_is_updated_every_few_iterations_only(images, tmp_path):
    training, monitoring = tiny_training(discriminator_steps=3)
    session = session_of(training, monitoring, images, tmp_path)
    updater, networks = session.trainer.updater, session.networks
    changed = []
    for _ in range(6):
        before = [weights_of(network) for network in (networks.generator, networks.discriminator)]
        updater.update()
        if "generator" not in updater.updated:
            # As the discriminator has scored the images for itself.
            loss = updater.observed["loss_generator"]
            assert loss == pytest.approx(-updater.observed["score_generated"], rel=1e-5)
        after = [weights_of(network) for network in (networks.generator, networks.discriminator)]
        changed.append([not np.array_equal(a, b) for a, b in zip(before, after, strict=True)])
    of_generator, of_discriminator = zip(*changed, strict=True)
    assert of_generator == (False, False, True, False, False, True)
    assert all(of_discriminator)


def weights_of(network):
    return np.concatenate([parameter.array.ravel() for parameter in network.params()])


def numerical_slopes(network, images, step=0.01):
    """Each image's norm of its score's gradient, by central differences."""
    found = []
    for image in images:
        offsets = step * np.eye(image.size, dtype=np.float32).reshape(-1, *image.shape)
        with chainer.no_backprop_mode():
            difference = network(image + offsets).array - network(image - offsets).array
        found.append(np.linalg.norm(difference / (2 * step)))
    return np.array(found)


def test_the_gradient_penalty_is_of_mixtures_of_this_batchs_images(images, tmp_path, monkeypatch):
    training, monitoring = tiny_training(gradient_penalty=10, discriminator=UNNORMALISED)
    session = session_of(training, monitoring, images, tmp_path)
    updater, network = session.trainer.updater, session.networks.discriminator
    seen = {}

    def spy(score, real, generated, shares):
        found = gradient_penalty(score, real, generated, shares)
        slopes = numerical_slopes(network, shares * real + (1 - shares) * generated)
        seen.update(real=real, shares=shares, penalty=10 * np.mean((slopes - 1) ** 2))
        return found

    monkeypatch.setattr("synaxial.gan.train.updater.gradient_penalty", spy)
    updater.update()
    indices = next(RankBatches(20, 4, training.seed, 0, 1))
    np.testing.assert_array_equal(seen["real"], updater.real_images(indices))
    assert len(np.unique(seen["shares"])) == 4
    assert ((seen["shares"] >= 0) & (seen["shares"] < 1)).all()
    assert updater.observed["penalty"] == pytest.approx(seen["penalty"], rel=1e-2)


def test_r1_has_an_interval_and_is_weighted_by_it(images, tmp_path):
    training, monitoring = tiny_training(r1=5, r1_interval=3, discriminator=UNNORMALISED)
    session = session_of(training, monitoring, images, tmp_path)
    updater, network = session.trainer.updater, session.networks.discriminator
    batches = RankBatches(20, 4, training.seed, 0, 1)
    for iteration in range(7):
        slopes = numerical_slopes(network, updater.real_images(next(batches)))
        updater.update()
        expected = 3 * 5 / 2 * np.mean(slopes**2) if iteration % 3 == 0 else 0
        assert updater.observed["penalty"] == pytest.approx(expected, rel=1e-2)


def test_r1_asks_for_the_slope_at_the_image_before_its_augmentation(images, tmp_path):
    """Where half of an image is covered, that half has no slope."""
    augmentation = {"probability": 1, "kinds": ["cutout"], "cutout": 0.9}
    settings = {"r1": 2, "r1_interval": 1, "discriminator": UNNORMALISED}
    penalties = {}
    for name, differences in {"whole": {}, "covered": {"augmentation": augmentation}}.items():
        training, monitoring = tiny_training(**settings, **differences)
        updater = session_of(training, monitoring, images, tmp_path / name).trainer.updater
        # A critic that adds all pixels up has the same slope at every pixel that it sees.
        shown = []

        def add_up(batch, randomness, shown=shown):
            shown.append(chainer.as_array(batch))
            return chainer.functions.sum(batch, axis=(1, 2, 3))

        updater.networks.discriminator.forward = add_up
        updater.loss = SimpleNamespace(
            discriminator=lambda real, generated: chainer.functions.mean(real) * 0,
            generator=chainer.functions.mean,
        )
        updater.update()
        penalties[name] = updater.observed["penalty"]
    assert penalties["whole"] == pytest.approx(3 * 16 * 16)
    seen = np.mean([(image > -1).sum() for image in shown[0]])
    assert 0 < seen < 0.9 * 3 * 16 * 16
    # But for pixels that are as dark as what covers others.
    assert penalties["covered"] == pytest.approx(seen, rel=0.02)


def test_a_penalty_is_in_what_the_weights_follow(images, tmp_path):
    """A heavy penalty on the slope flattens the discriminator; without, the scores drift apart."""
    flatness = {}
    for r1 in (0, 1e4):
        settings = {"r1": r1, "r1_interval": 1, "optimizer": {"learning_rate": 0.01}}
        training, monitoring = tiny_training(**settings, discriminator=UNNORMALISED)
        session = session_of(training, monitoring, images, tmp_path / str(r1))
        for _ in range(10):
            session.trainer.updater.update()
        real = session.trainer.updater.real_images(np.arange(4))
        flatness[r1] = numerical_slopes(session.networks.discriminator, real).mean()
    assert flatness[1e4] < 0.1 * flatness[0]


def test_clipping_bounds_the_discriminator_alone(images, tmp_path):
    training, monitoring = tiny_training(clipping=0.01)
    session = session_of(training, monitoring, images, tmp_path)
    session.trainer.updater.update()
    assert np.abs(weights_of(session.networks.discriminator)).max() == np.float32(0.01)
    assert np.abs(weights_of(session.networks.generator)).max() > 0.01


def test_the_networks_may_have_rates_of_their_own(images, tmp_path):
    training, monitoring = tiny_training(
        optimizer={"learning_rate": 1e-3, "discriminator_learning_rate": 1e-2}
    )
    updater = session_of(training, monitoring, images, tmp_path).trainer.updater
    assert updater.get_optimizer("generator").alpha == 1e-3
    assert updater.get_optimizer("discriminator").alpha == 1e-2


def test_the_discriminator_sees_augmented_images_and_the_generator_learns_through_them(
    images, tmp_path, monkeypatch
):
    """Real ones, generated ones, and generated ones again in the generator's update."""
    training, monitoring = tiny_training(augmentation={"probability": 0.7})
    updater = session_of(training, monitoring, images, tmp_path).trainer.updater
    seen = []

    def dark(shown, settings, probability, randomness, value_range, masks):
        assert settings == training.augmentation
        assert (probability, value_range, masks) == (0.7, (-1, 1), False)
        randomness.uniform((1,))
        seen.append(shown)
        return chainer.as_variable(shown) * 0 - 1

    monkeypatch.setattr("synaxial.gan.train.updater.augment", dark)
    updater.update()
    real, generated, again = seen
    batch = next(RankBatches(20, 4, training.seed, 0, 1))
    np.testing.assert_array_equal(real.array, updater.real_images(batch))
    np.testing.assert_array_equal(generated, again.array)
    # Nothing comes through what makes every image the same.
    of_first_layer = updater.networks.generator.connected.W.grad
    np.testing.assert_allclose(of_first_layer, 0, atol=1e-9)
    assert updater.observed["augmentation"] == 0.7


def test_the_adaptive_probability_follows_the_signs_of_the_scores(images, tmp_path):
    augmentation = {"target": 0.6, "adaptation_images": 20}
    training, monitoring = tiny_training(
        loss="hinge", augmentation=augmentation, discriminator=UNNORMALISED
    )
    session = session_of(training, monitoring, images, tmp_path)
    updater = session.trainer.updater
    # Whatever it sees, it is sure.
    session.networks.discriminator.connected.b.array[...] = 100
    values = []
    for _ in range(10):
        updater.update()
        values.append(updater.observed["augmentation"])
    assert updater.observed["sign_real"] == 1
    assert values[0] == 0
    assert values[-1] > 0.5
    assert values == sorted(values)


@pytest.mark.parametrize(("activation", "low"), [("tanh", -1), ("sigmoid", 0)])
def test_real_images_have_the_range_of_the_generators_output(images, tmp_path, activation, low):
    generator = {"channels": [8, 8, 3], "output_activation": activation}
    training, monitoring = tiny_training(generator=generator)
    updater = session_of(training, monitoring, images, tmp_path).trainer.updater
    images[0, 0, 0], images[0, 0, 1] = 0, 255
    real = updater.real_images(np.array([0]))
    assert (real.dtype, real.shape) == (np.float32, (1, 3, 16, 16))
    np.testing.assert_allclose(real[0, :, 0, 0], low, atol=1e-6)
    np.testing.assert_allclose(real[0, :, 0, 1], 1, atol=1e-6)
    np.testing.assert_array_equal(real[0, 0], real[0, 2])


def test_initial_weights_are_the_seeds_and_leave_the_global_generator_alone():
    device = chainer.get_device("@numpy")
    training, _ = tiny_training()
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    first, second = (make_networks(training, 16, device) for _ in range(2))
    np.testing.assert_array_equal(np.random.random(3), expected)  # noqa: NPY002
    assert_same(network_arrays(first.generator), network_arrays(second.generator))
    other, _ = tiny_training(seeds=[2])
    weights = make_networks(other, 16, device).generator.connected.W.array
    assert not np.array_equal(weights, first.generator.connected.W.array)


def test_a_moving_average_halves_the_old_within_its_half_life():
    training, _ = tiny_training()
    generator = make_networks(training, 16, chainer.get_device("@numpy")).generator
    average = generator.copy(mode="copy")
    old = generator.connected.W.array.copy()
    generator.connected.W.array[...] += 1
    generator.normalizations[0].avg_mean[...] = 3
    for _ in range(10):
        follow(average, generator, half_lives=0.1)
    np.testing.assert_allclose(average.connected.W.array, old + 0.5, rtol=1e-4)
    np.testing.assert_allclose(average.normalizations[0].avg_mean, 1.5, rtol=1e-4)


def test_a_deadline_leaves_time_for_the_last_checkpoint():
    communicator, _ = open_communicator(open_world(1), "cpu")
    trainer = SimpleNamespace(updater=SimpleNamespace(epoch=0, iteration=0))
    stop = Stop(5, 100, time.monotonic() - 20, communicator)
    assert not stop(trainer)
    trainer.updater.iteration = 1
    assert not stop(trainer)  # 80 s left
    stop.deadline -= 60  # 20 s left, less than the margin
    trainer.updater.iteration = 2
    assert stop(trainer)
    assert "time budget" in stop.reason


def test_values_that_are_no_numbers_stop_a_training():
    check_finite({"loss_generator": 1.0}, 3)
    with pytest.raises(Exception, match="iteration 3: loss_generator is nan; expected a finite"):
        check_finite({"loss_generator": float("nan")}, 3)
