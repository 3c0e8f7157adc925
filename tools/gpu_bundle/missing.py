"""Print which of some wheels this Python needs: those of packages that are missing or older.

Started by run.sh with the paths of the wheels. Without what the bundle takes from this Python, it
says so and prints nothing.
"""

import importlib.metadata
import re
import sys
from pathlib import Path

#: What the bundle takes from this Python.
EXPECTED = ("numpy", "mpi4py", "numba", "scipy")

#: Installed in any case: this project, and the Chainer that it was tested with.
ALWAYS = ("synaxial", "chainer")

#: A package that fits one version of another one: both are installed, or none.
PAIRS = {"pydantic-core": "pydantic"}


def installed_version(package: str) -> tuple[int, ...]:
    """Return the version of a package as numbers; none if it is not installed."""
    try:
        return numbers_of(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return ()


def numbers_of(version: str) -> tuple[int, ...]:
    """Return the numbers of a version."""
    return tuple(map(int, re.findall(r"\d+", version)))


def needed(paths: list[Path]) -> list[Path]:
    """Return the wheels to install."""
    versions = {}
    for path in paths:
        name, version = path.name.split("-")[:2]
        versions[path] = (name.replace("_", "-").lower(), numbers_of(version))
    wanted = {
        package
        for package, version in versions.values()
        if package in ALWAYS or installed_version(package) < version
    }
    return [
        path for path, (package, _) in versions.items() if PAIRS.get(package, package) in wanted
    ]


def main() -> None:
    """Print the wheels, one a line."""
    lacking = [package for package in EXPECTED if not installed_version(package)]
    if lacking or sys.version_info[:2] != (3, 12):
        found = f"Python {sys.version.split()[0]}"
        without = f" without {', '.join(lacking)}" if lacking else ""
        sys.exit(
            f"run.sh: {sys.executable} is {found}{without}; expected Python 3.12 with "
            f"{', '.join(EXPECTED)} and CuPy; name another with PYTHON=/path/to/python"
        )
    for path in needed([Path(word) for word in sys.argv[1:]]):
        print(path)


if __name__ == "__main__":
    main()
