"""What messages say."""

import pytest

from synaxial.io.errors import shortened


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c", "d"], "a, b and 2 more")],
)
def test_a_long_list_is_shortened(names: list[str], said: str) -> None:
    assert shortened(names, 2) == said
