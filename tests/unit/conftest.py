import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import hypothesis
import pytest

from synaxial.cli import find_command, make_app

from .phantoms import Phantoms, read_phantoms

# A shared machine's pauses are no failures.
hypothesis.settings.register_profile("synaxial", deadline=None)
hypothesis.settings.load_profile("synaxial")

RunSynaxial = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_synaxial() -> RunSynaxial:
    """Run a command as a rule does: `python -m synaxial ARGUMENTS`, in a process of its own."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "synaxial", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def run_here() -> Callable[[Sequence[object]], None]:
    """Run a command in this process, which has its modules already; mistakes are raised."""

    def run(words: Sequence[object]) -> None:
        arguments = [str(word) for word in words]
        make_app(find_command(arguments))(arguments, standalone_mode=False)

    return run


@pytest.fixture
def assert_clear_error() -> Callable[[subprocess.CompletedProcess[str], str], None]:
    """Check that a command ended as it should on bad input: status 65 and one line."""

    def check(done: subprocess.CompletedProcess[str], expected: str) -> None:
        assert done.returncode == 65, done.stderr
        assert "Traceback" not in done.stderr
        errors = [line for line in done.stderr.splitlines() if "error:" in line]
        assert len(errors) == 1, done.stderr
        assert expected in errors[0]

    return check


@pytest.fixture(scope="session")
def phantoms() -> Phantoms:
    """Slices of six pseudo-subjects, for the metrics."""
    return read_phantoms()
