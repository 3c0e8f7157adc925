"""The order of the images across restarts, and across restarts on other numbers of ranks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synaxial.compute.chainer_compatibility import chainer
from synaxial.gan.train.batches import RankBatches, order_of_epoch


def state_of(iterator):
    """What a checkpoint keeps of an iterator; rank 0 writes it."""
    serializer = chainer.serializers.DictionarySerializer()
    iterator.serialize(serializer)
    return serializer.target


@given(
    images=st.integers(1, 40),
    share=st.integers(1, 4),
    legs=st.lists(
        st.tuples(st.sampled_from([1, 2, 3, 4]), st.integers(0, 6)), min_size=1, max_size=5
    ),
    seed=st.integers(0, 3),
)
def test_restarts_on_any_number_of_ranks_change_no_order(images, share, legs, seed):
    """Each leg is a job: a number of ranks and of iterations, and then a checkpoint."""
    batch = 12 * share
    visited, state = [], None
    for ranks, iterations in legs:
        iterators = [RankBatches(images, batch, seed, rank, ranks) for rank in range(ranks)]
        for iterator in iterators:
            if state is not None:
                iterator.serialize(chainer.serializers.NpzDeserializer(state))
        for _ in range(iterations):
            shares = [next(iterator) for iterator in iterators]
            assert {len(indices) for indices in shares} == {batch // ranks}
            visited.extend(np.concatenate(shares).tolist())
        state = state_of(iterators[0])
    epochs = -(-len(visited) // images)
    expected = [order_of_epoch(seed, epoch, images) for epoch in range(epochs)]
    assert visited == np.concatenate([[], *expected])[: len(visited)].tolist()
