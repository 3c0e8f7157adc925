"""Which images a page shows: of both kinds, spread over levels and subjects, in drawn order."""

import numpy as np
import pytest

from synaxial.studies.turing.choosing import choose, most_of_a_kind

SUBJECTS = [f"subject {number // 48}" for number in range(960)]
LEVELS = [60 + number % 48 for number in range(960)]


def chosen(images=230, repeats=0.1, seed=13, generated=300):
    return choose(generated, SUBJECTS, LEVELS, images, repeats, seed)


def test_the_share_of_generated_images_is_drawn_between_40_and_60_percent():
    shares = {sum(i.generated for i in chosen(100, 0, seed)) for seed in range(300)}
    assert min(shares) == 40
    assert max(shares) == 60
    assert len(shares) == 21


def test_only_repeats_are_shown_twice_and_they_come_late():
    shown = chosen()
    firsts = [image for image in shown if image.repeat_of is None]
    repeats = [(at, image) for at, image in enumerate(shown) if image.repeat_of is not None]
    assert (len(firsts), len(repeats)) == (230, 23)
    assert len({(image.generated, image.origin) for image in firsts}) == 230
    assert len({image.identifier for image in shown}) == 253
    for at, image in repeats:
        first = shown[image.repeat_of]
        assert (first.generated, first.origin) == (image.generated, image.origin)
        assert first.repeat_of is None
        assert at - image.repeat_of >= 230 // 3
    assert {image.generated for _, image in repeats} == {True, False}


def test_real_images_are_spread_over_levels_and_subjects():
    real = [image.origin for image in chosen() if not image.generated and image.repeat_of is None]
    of_level = np.bincount([LEVELS[i] - 60 for i in real], minlength=48)
    of_subject = np.bincount([i // 48 for i in real], minlength=20)
    assert of_level.max() - of_level.min() <= 1
    assert of_subject.max() - of_subject.min() <= 2


def test_the_order_and_the_names_carry_no_information():
    """Over many pages, neither the place nor the name of an image says what it is."""
    places, names, truths = [], [], []
    for seed in range(200):
        firsts = chosen(60, 0, seed)
        places += range(len(firsts))
        names += [int(image.identifier, 16) for image in firsts]
        truths += [image.generated for image in firsts]
    for carried in (places, names):
        # 12,000 images: a correlation by chance has the standard deviation 0.009.
        assert abs(np.corrcoef(carried, truths)[0, 1]) < 0.03


def test_the_same_seed_draws_the_same_and_another_does_not():
    assert chosen() == chosen()
    assert chosen() != chosen(seed=14)


@pytest.mark.parametrize("repeats", [0, 0.1, 1 / 3])
def test_every_number_of_images_works(repeats):
    for images in range(10, 60):
        shown = chosen(images, repeats, generated=most_of_a_kind(images))
        assert sum(image.repeat_of is None for image in shown) == images
        assert len(shown) - images == min(round(images * repeats), images // 3)


def test_too_few_images_are_refused_without_revealing_the_share():
    for seed in range(20):
        with pytest.raises(ValueError, match="137 generated images, expected 138 or more"):
            chosen(generated=137, seed=seed)
        with pytest.raises(ValueError, match="960 held-out images, expected 1200 or more"):
            chosen(2000, generated=2000, seed=seed)
