"""One U-Net: what it is trained with, that only this differs, and that it learns to segment."""

import numpy as np
import pytest

from synaxial.compute.devices import use_one_device
from synaxial.compute.parallel import use_threads
from synaxial.config.model import Segment
from synaxial.io.errors import SynaxialError
from synaxial.studies.segment.augmentation import batches
from synaxial.studies.segment.limits import check_size, people_wanted
from synaxial.studies.segment.mask_numbers import bright_masks, dice, dice_of_people
from synaxial.studies.segment.slices import (
    Slices,
    choose_people,
    read_generated,
    read_real,
    reduced,
)
from synaxial.studies.segment.train import train_and_segment
from synaxial.studies.segment.unet import segment, train

from .phantoms import make_discs, read_phantoms, write_dataset, write_pairs

SMALL = Segment(updates=6, batch_size=4, channels=[2, 4])


@pytest.mark.parametrize(
    ("asked", "people", "expected"),
    [("all", 15, 15), ("quarter", 15, 4), ("quarter", 2, 1), ("quarter", 1, 1), ("3", 15, 3)],
)
def test_the_number_of_people(asked, people, expected):
    assert people_wanted(asked, people) == expected


@pytest.mark.parametrize("asked", ["16", "0", "-1", "half", "none", "", "²"])
def test_wrong_numbers_of_people_are_refused(asked):
    with pytest.raises(SynaxialError, match="subjects"):
        people_wanted(asked, 15)


def test_people_are_drawn_whole_and_a_smaller_choice_is_part_of_a_larger():
    slices = make_discs(people=8)
    chosen = {}
    for seed in range(6):
        few, more = (choose_people(slices, asked, seed) for asked in ("quarter", "5"))
        assert set(few.groups) < set(more.groups)
        assert (len(few), len(more)) == (6, 15)
        chosen[seed] = tuple(np.unique(few.groups))
        for group in chosen[seed]:
            own = slices.groups == group
            assert np.array_equal(few.images[few.groups == group], slices.images[own])
    assert len(set(chosen.values())) > 1


def test_time_points_of_a_person_are_one_group(tmp_path):
    slices = make_discs(people=3)
    names = ["BraTS-GLI-00001-000", "BraTS-GLI-00001-001", "BraTS-GLI-00002-000"]
    folder = write_dataset(
        tmp_path / "set", Slices(slices.images, slices.masks, slices.groups, names)
    )
    read = read_real(folder)
    assert read.groups.tolist() == [0] * 6 + [1] * 3
    assert read.names == [names[0], names[2]]
    assert np.array_equal(read.masks, slices.masks)


def test_the_budget_does_not_depend_on_the_parts():
    real, synthetic = make_discs(seed=1), make_discs(people=7, seed=2)
    seen = {}
    for name, parts in {
        "real": [real],
        "both": [real, synthetic],
        "synthetic": [synthetic],
    }.items():
        all_batches = list(batches(parts, SMALL, 3))
        seen[name] = [batch.images.shape for batch in all_batches]
        assert seen[name] == [(4, 32, 32)] * 6, name
    # The same shifts: where nothing came in, the borders are the same for all of them.
    lit = make_discs(seed=1)
    bright = Slices(np.full_like(lit.images, 9), lit.masks, lit.groups, lit.names)
    first, second = (list(batches(parts, SMALL, 3)) for parts in ([bright], [bright, bright]))
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.images, other.images)


def test_half_of_each_batch_is_real_and_all_slices_are_seen_equally_often():
    real, synthetic = make_discs(people=2, each=2), make_discs(people=2, each=3)
    light = Slices(np.full_like(real.images, 200), real.masks, real.groups, real.names)
    dark = Slices(np.full_like(synthetic.images, 20), synthetic.masks, synthetic.groups, [*"ab"])
    for batch in batches([light, dark], SMALL, 1):
        assert [int(image.max()) > 100 for image in batch.images] == [True, True, False, False]
    # Twelve images are three passes over four.
    numbered = Slices(
        np.repeat(np.array([20, 60, 120, 220], np.uint8), 32 * 32).reshape(4, 32, 32),
        real.masks,
        real.groups,
        real.names,
    )
    settings = Segment(updates=6, batch_size=2, channels=[2, 4])
    values = [int(i.max()) for batch in batches([numbered], settings, 1) for i in batch.images]
    # So far apart that brightness and gamma leave them in order.
    assert sorted(np.digitize(values, [37, 89, 170])) == sorted([0, 1, 2, 3] * 3)


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_cores():
    discs = make_discs()
    device = use_one_device("cpu")

    def weights(threads, seed):
        with use_threads(threads):
            network = train([discs], SMALL, seed, device)
            found = segment(network, discs.images, device)
        return [p.array.tobytes() for _, p in sorted(network.namedparams())] + [found.tobytes()]

    first = weights(1, 1)
    assert first == weights(1, 1) == weights(3, 1)
    assert first != weights(1, 2)


def test_it_learns_to_segment_discs():
    device = use_one_device("cpu")
    settings = Segment(updates=60, batch_size=8, channels=[8, 16], learning_rate=0.01)
    network = train([make_discs(people=8)], settings, 1, device)
    other = make_discs(people=4, seed=9)
    scores = dice_of_people(segment(network, other.images, device), other)
    assert min(scores.values()) > 0.8


def test_on_phantoms_it_segments_people_whom_it_has_not_seen():
    device = use_one_device("cpu")
    training, held_out = read_phantoms()
    with use_threads(2):
        network = train([training], Segment(updates=250, channels=[8, 16, 32, 64]), 1, device)
        found = segment(network, held_out.images, device)
    scores = dice_of_people(found, held_out)
    # By chance: masks of other people's tumours, of the same levels.
    shuffled = {
        name: dice(np.roll(held_out.masks, 12, axis=0)[own], held_out.masks[own])
        for group, name in enumerate(held_out.names)
        for own in [held_out.groups == group]
    }
    threshold = dice_of_people(bright_masks(held_out.images), held_out)
    told = f"U-Net {scores}, threshold {threshold}, other people's masks {shuffled}"
    assert np.mean(list(scores.values())) > 0.7, told
    assert np.mean(list(scores.values())) > np.mean(list(shuffled.values())) + 0.3, told


def test_images_that_cannot_be_halved_at_every_level_are_refused():
    for size, levels in ((48, 6), (16, 5), (50, 3)):
        with pytest.raises(SynaxialError, match=rf"segment.channels: {levels} levels"):
            check_size(size, [2] * levels)
    check_size(48, [2] * 5)
    check_size(96, [2] * 5, reduction=2)
    with pytest.raises(
        SynaxialError, match=r"segment\.reduction: is 5; expected a divisor of .* 48"
    ):
        check_size(48, [2] * 2, reduction=5)
    with pytest.raises(SynaxialError, match="which 24 pixels do not allow"):
        check_size(48, [2] * 5, reduction=2)


def test_masks_of_reduced_images_are_judged_at_full_width():
    discs = make_discs()
    settings = SMALL.model_copy(update={"reduction": 2})
    small = {"real": reduced(discs, 2)}
    _, found = train_and_segment(small, discs, settings, 1, "cpu", 1)
    assert found.shape == discs.masks.shape
    blocks = found.reshape(len(discs), 16, 2, 16, 2)
    assert (blocks.all(axis=(2, 4)) == blocks.any(axis=(2, 4))).all()


def test_reduced_slices_are_means_and_majorities():
    images = np.zeros((1, 4, 4), np.uint8)
    images[0, :2, :2] = [[10, 20], [31, 40]]
    masks = np.zeros((1, 4, 4), bool)
    masks[0, 0, :2] = True
    masks[0, 3, 3] = True
    slices = Slices(images, masks, np.array([3]), ["a"], ("digest",))
    small = reduced(slices, 2)
    assert small.images[0].tolist() == [[25, 0], [0, 0]]
    assert small.masks[0].tolist() == [[True, False], [False, False]]
    assert (small.groups, small.names, small.generators) == (slices.groups, ["a"], ("digest",))
    assert reduced(slices, 1) is slices


def test_stacks_without_masks_or_of_another_size_are_refused(tmp_path):
    from synaxial.io.stacks import write_stack

    discs = make_discs()
    path = write_pairs(tmp_path / "pairs.tif", discs)
    read = read_generated([path, path], 32)
    assert len(read) == 24
    assert np.array_equal(read.images[:12], discs.images)
    assert np.array_equal(read.masks[12:], discs.masks)
    with pytest.raises(SynaxialError, match=r"has images of \(32, 32\); expected \(64, 64\)"):
        read_generated([path], 64)
    plain = tmp_path / "plain.tif"
    write_stack(plain, discs.images, [{}] * len(discs))
    with pytest.raises(SynaxialError, match="has no masks"):
        read_generated([plain], 32)
