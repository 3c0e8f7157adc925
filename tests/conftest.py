"""How the tests are shared out among processes (`pytest -n 2`)."""

import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

# Chainer's checks of types and shapes, which Synaxial switches off. Chainer reads this when it is
# imported, in this process and in those that the tests start.
os.environ["CHAINER_TYPE_CHECK"] = "1"

#: The files that take the longest, the longest first. A file begun last would end the run alone.
#: `pytest --durations=60` shows where time goes.
LONGEST_FIRST = (
    "tests/slurm",
    "tests/unit/gan/train/test_resume.py",
    "tests/gpu/test_training.py",
    "tests/workflow/test_segment.py",
    "tests/workflow/test_parse.py",
    "tests/unit/gan/train/test_command.py",
    "tests/workflow/test_evidence.py",
    "tests/unit/studies/segment",
    "tests/workflow",
    "tests/unit/gan/train",
    "tests/unit/studies",
    "tests/unit/data/phantom/test_phantom.py",
    "tests/unit/evaluation",
    "tests/unit/config",
    "tests/golden",
)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the order of files in `pytest -n`, which would begin with those of most tests."""
    config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests that take the longest first, and leave `long` ones out unless asked for."""
    if "long" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: rank_of(item.path.relative_to(ROOT).as_posix()))


def rank_of(file: str) -> int:
    """Return a file's place in `LONGEST_FIRST`."""
    places = (n for n, start in enumerate(LONGEST_FIRST) if file.startswith(start))
    return next(places, len(LONGEST_FIRST))


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
