"""Run tests on every Python from 3.11 to 3.13 that is here, with locked and with newest versions.

    make test-matrix                                              # all of tests/unit on all
    make test-matrix PYTHONS="python3.12 /opt/python/bin/python3.13" TESTS="tests/unit/networks"
    make test-matrix PYTHONS=newest                               # only the newest that is here

Each environment is a folder of .venvs. A locked one is kept, and brought up to date with its lock;
one with the newest versions is made anew, so that nothing older stays in it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

#: What `requires-python` of pyproject.toml allows.
SUPPORTED = ("3.11", "3.12", "3.13")

#: Whose versions the table shows.
SHOWN = ("numpy", "numba", "scipy", "chainer", "mpi4py", "mpich", "snakemake")

#: Locks that are installed nowhere here; what can be told without a GPU is that they resolve.
GPU_LOCKS = ("cuda12", "cuda13")

ENVIRONMENTS = Path(".venvs")


@dataclass
class Outcome:
    """What the tests said in one environment."""

    environment: str
    versions: dict[str, str] = field(default_factory=dict)
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    #: What else went wrong.
    errors: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return self.passed > 0 and self.failed == 0 and not self.errors


def main() -> int:
    pythons, tests = os.environ.get("PYTHONS", "").split(), sys.argv[1:]
    interpreters = find_interpreters([] if pythons == ["newest"] else pythons)
    if pythons == ["newest"]:
        newest = max(interpreters, default=SUPPORTED[0])
        if newest == SUPPORTED[0]:
            print(f"make test-matrix: no Python newer than {SUPPORTED[0]} here, nothing is run")
            return 0
        interpreters = {newest: interpreters[newest]}
    if not interpreters:
        print(f"make test-matrix: no Python of {', '.join(SUPPORTED)} here", file=sys.stderr)
        return 2
    outcomes = []
    for version, interpreter in sorted(interpreters.items()):
        for kind in ("locked", "newest"):
            print(f"\n== Python {version}, {kind} versions", flush=True)
            outcomes.append(try_environment(f"{version}-{kind}", kind, interpreter, tests))
    absent = [version for version in SUPPORTED if version not in interpreters]
    print("\n" + as_table(outcomes))
    if absent:
        print(f"Not run: Python {', '.join(absent)}")
    return 0 if all(outcome.is_good for outcome in outcomes) else 1


def find_interpreters(names: list[str]) -> dict[str, str]:
    """Return an interpreter of each supported version: of those named, or of all that are here."""
    found: dict[str, str] = {}
    for name in names or all_candidates():
        version = version_of(name)
        if names and version not in SUPPORTED:
            reason = f"is Python {version}" if version else "does not run"
            print(f"make test-matrix: {name} {reason}", file=sys.stderr)
            raise SystemExit(2)
        if version in SUPPORTED:
            found.setdefault(version, name)
    return found


def all_candidates() -> Iterator[str]:
    """Yield what may be interpreters: by name, and pyenv's, which are mostly not on PATH."""
    yield from (f"python{version}" for version in SUPPORTED)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from map(str, sorted(pyenv.glob("3.*/bin/python"), reverse=True))


def version_of(interpreter: str) -> str | None:
    """Return the version of an interpreter as `3.12`; None if it does not run.

    A name on PATH may be pyenv's or the system's stand-in for a version that is not installed.
    """
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [interpreter, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def try_environment(name: str, kind: str, interpreter: str, tests: list[str]) -> Outcome:
    """Make an environment and run the tests in it."""
    outcome = Outcome(name)
    folder = ENVIRONMENTS / name
    if kind == "newest":
        shutil.rmtree(folder, ignore_errors=True)
    target = {"locked": "install-dev", "newest": "install-newest"}[kind]
    make = ["make", "--no-print-directory", target, f"VENV={folder}", f"PYTHON={interpreter}"]
    if subprocess.run(make, check=False).returncode != 0:
        outcome.errors.append("not installed")
        return outcome
    outcome.versions = versions_in(folder)
    if kind == "locked":
        outcome.errors += [f"{lock} does not resolve" for lock in unresolved_locks(folder)]
    run_tests(folder, tests, outcome)
    return outcome


def versions_in(folder: Path) -> dict[str, str]:
    """Return the versions of Python and of what the table shows."""
    code = (
        "import importlib.metadata, json, platform, sys;"
        "found = {name: importlib.metadata.version(name) for name in sys.argv[1:]};"
        "print(json.dumps({'python': platform.python_version(), **found}))"
    )
    command = [str(folder / "bin" / "python"), "-c", code, *SHOWN]
    versions = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(json.loads(versions))


def unresolved_locks(folder: Path) -> Iterator[str]:
    """Yield the locks for GPUs that cannot be installed on an environment's Python."""
    for lock in GPU_LOCKS:
        command = [
            *(str(folder / "bin" / "uv"), "pip", "install", "--dry-run", "--quiet"),
            *("--python", str(folder), "--require-hashes"),
            *("--build-constraints", "envs/build-constraints.txt", "-r", f"envs/{lock}.txt"),
        ]
        if subprocess.run(command, check=False).returncode != 0:
            yield lock


def run_tests(folder: Path, tests: list[str], outcome: Outcome) -> None:
    """Run pytest in an environment and count what it says."""
    report = folder / "tests.xml"
    report.unlink(missing_ok=True)
    command = [
        *(str(folder / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *(f"--junit-xml={report}", *tests),
    ]
    status = subprocess.run(command, check=False).returncode
    if not report.exists():
        outcome.errors.append(f"pytest ended with status {status}")
        return
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        total, skipped, failures, errors = (
            int(suite.get(key, 0)) for key in ("tests", "skipped", "failures", "errors")
        )
        outcome.failed += failures + errors
        outcome.skipped += skipped
        outcome.passed += total - skipped - failures - errors
    # Such as no test found, or a plug-in that failed.
    if status != 0 and outcome.failed == 0:
        outcome.errors.append(f"pytest ended with status {status}")


def as_table(outcomes: list[Outcome]) -> str:
    """Return all outcomes as a table, a line each."""
    rows = [["environment", "python", *SHOWN, "passed", "failed", "skipped", ""]]
    for outcome in outcomes:
        versions = [outcome.versions.get(name, "-") for name in ("python", *SHOWN)]
        counts = [str(n) for n in (outcome.passed, outcome.failed, outcome.skipped)]
        verdict = "ok" if outcome.is_good else ", ".join(outcome.errors) or "FAILED"
        rows.append([outcome.environment, *versions, *counts, verdict])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
