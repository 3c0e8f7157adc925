"""Whether a coarse generator and its up-sampler fit the images and the length of the training."""

import pytest

from synaxial.config import check_networks, check_validation, make_study
from synaxial.io.errors import SynaxialError


def study_of(size=256, **differences):
    experiments = {"fine": {"preset": "modern", **differences}}
    return make_study({"resize": {"size": size}, "experiments": experiments})


def test_the_preset_fits_the_papers_images():
    check_networks(study_of())


def test_other_images_need_another_factor_or_other_channels():
    message = (
        "experiment 'fine': coarse.channels has 5 numbers, which make coarse images of 64 pixels, "
        "and upsampler.factor is 4, but resize.size is 128; expected 64 x 4 = 256"
    )
    with pytest.raises(SynaxialError, match=message):
        check_networks(study_of(128))
    check_networks(study_of(128, upsampler={"factor": 2}))


def test_the_training_must_outlast_the_growth():
    with pytest.raises(SynaxialError, match=r"epochs is 104, but .* full width after 105"):
        check_networks(study_of(epochs=104))
    check_networks(study_of(epochs=105))
    # Without growth, any number will do.
    check_networks(study_of(epochs=1, coarse={"first_width": 64}))


@pytest.mark.parametrize(
    ("settings", "epochs"),
    [
        ({"preset": "modern", "keep": "best"}, 110),
        ({"patience": 1}, 5),
        ({"patience": 1, "validation_epochs": 4}, 4),
        ({}, 1),
    ],
)
def test_what_keeps_the_best_generator_is_measured_once_at_least(settings, epochs):
    def check(number):
        study = make_study({"experiments": {"a": settings | {"epochs": number}}})
        check_validation(study.experiments["a"], "a")

    check(epochs)
    if epochs > 1:
        message = rf"'a': epochs is {epochs - 1}, but keep: best and .* first after {epochs};"
        with pytest.raises(SynaxialError, match=message):
            check(epochs - 1)


def test_modern_does_not_stop_a_study_of_other_images_that_does_not_train_it():
    small = {
        "generator": {"channels": [8, 8, 8, 8, 1]},
        "discriminator": {"channels": [8, 8, 8, 8], "kernels": [4, 4, 4, 4]},
    }
    study = make_study({"resize": {"size": 64}, "training": small})
    assert study.experiments["modern"].image_width == 256
    check_networks(study)
