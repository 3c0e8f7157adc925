"""How the tests are shared out among processes (`pytest -n 2 --dist loadgroup`)."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, for they share what it makes, and all of Slurm's too.

    Slurm's wait for a cluster most of the time, of which there is one; beside them another process
    computes.
    """
    for item in items:
        file = item.path.relative_to(HERE)
        group = file.parts[0] if file.parts[0] == "slurm" else str(file)
        item.add_marker(pytest.mark.xdist_group(group))
