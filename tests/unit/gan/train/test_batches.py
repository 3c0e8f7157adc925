"""Every epoch visits each image once over all ranks, in an order of the seed and the epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synaxial.data.dataset.reading import open_images
from synaxial.gan.train.batches import RankBatches, order_of_epoch
from synaxial.io.errors import SynaxialError


@given(
    images=st.integers(1, 60),
    share=st.integers(1, 5),
    ranks=st.integers(1, 4),
    epochs=st.integers(1, 3),
    seed=st.integers(0, 5),
)
def test_an_epoch_visits_every_image_once_over_all_ranks(images, share, ranks, epochs, seed):
    batch = share * ranks
    iterators = [RankBatches(images, batch, seed, rank, ranks) for rank in range(ranks)]
    visited = []
    while len(visited) < images * epochs:
        for iterator in iterators:
            visited.extend(next(iterator).tolist())
    for epoch in range(epochs):
        of_epoch = visited[epoch * images : (epoch + 1) * images]
        assert sorted(of_epoch) == list(range(images))
        np.testing.assert_array_equal(of_epoch, order_of_epoch(seed, epoch, images))


def test_the_order_changes_with_epoch_and_seed():
    orders = [order_of_epoch(seed, epoch, 50) for seed, epoch in ((1, 0), (1, 1), (2, 0))]
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])


@given(images=st.integers(1, 40), batch=st.integers(1, 50))
def test_epochs_are_counted_as_their_last_image_is_seen(images, batch):
    iterator = RankBatches(images, batch, 1, 0, 1)
    assert not iterator.is_new_epoch
    for number in range(1, 30):
        before = iterator.epoch
        next(iterator)
        assert iterator.epoch == number * batch // images
        assert iterator.is_new_epoch == (iterator.epoch > before)
        assert iterator.epoch_detail == pytest.approx(number * batch / images)


def test_the_position_is_all_its_state():
    iterator, resumed = (RankBatches(17, 4, 3, 1, 2) for _ in range(2))
    for _ in range(7):
        next(iterator)
    resumed.position = iterator.position
    for _ in range(20):
        np.testing.assert_array_equal(next(iterator), next(resumed))


def test_images_are_mapped_not_read(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((3, 4, 4), np.uint8))
    assert isinstance(open_images(tmp_path / "images.npy"), np.memmap)


@pytest.mark.parametrize(
    "array",
    [np.zeros((3, 4, 5), np.uint8), np.zeros((0, 4, 4), np.uint8), np.zeros((4, 4), np.uint8)],
)
def test_another_array_is_refused(tmp_path, array):
    np.save(tmp_path / "images.npy", array)
    with pytest.raises(SynaxialError, match="uint8 of shape"):
        open_images(tmp_path / "images.npy")
