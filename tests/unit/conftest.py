import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest

from synaxial.cli import find_command, main, make_app

from .phantoms import Phantoms, read_phantoms

# A shared machine's pauses are no failures.
hypothesis.settings.register_profile("synaxial", deadline=None)
hypothesis.settings.load_profile("synaxial")

RunSynaxial = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_synaxial() -> RunSynaxial:
    """Run `synaxial ARGUMENTS` in this process, and return what a process would."""
    return run_in_this_process


@pytest.fixture
def run_process() -> RunSynaxial:
    """Run `python -m synaxial ARGUMENTS` in a process of its own, as a rule does."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "synaxial", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def run_in_this_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Call `main` with these arguments; what it changes of this process is changed back."""
    words = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, unchanged_process():
        patch.setattr(sys, "argv", ["synaxial", *words])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else int(end.code is not None)
            except Exception:
                # As the interpreter ends on a mistake of the program.
                traceback.print_exc()
                status = 1
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def unchanged_process() -> Iterator[None]:
    """Bring back logging, warnings, the environment, the folder and the handlers of signals."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    environment, folder = dict(os.environ), Path.cwd()
    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    signals = {number: signal.getsignal(number) for number in watched}
    # The command sets up its own logging, on the stream of errors that there is now.
    root.handlers[:] = []
    try:
        with warnings.catch_warnings():
            yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for number, handler in signals.items():
            signal.signal(number, handler)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        os.chdir(folder)


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
