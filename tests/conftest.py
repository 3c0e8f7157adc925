"""How the tests are shared out among processes (`pytest -n 2`)."""

from typing import Any

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a file's tests in one process, for they share what it makes, and all of Slurm's too.

    Slurm's wait for a cluster most of the time, of which there is one; beside them another process
    computes.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByFile(config, log)


def group_of(nodeid: str) -> str:
    """Return what tests that must run in one process have in common."""
    file = nodeid.partition("::")[0]
    return "tests/slurm" if file.startswith("tests/slurm/") else file
