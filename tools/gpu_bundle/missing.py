"""Print which wheels of a folder this Python needs: those of packages that are missing or older.

Started by run.sh with the folder and with the options of the check. Without what the bundle takes
from this Python, it says so in one line and prints nothing.
"""

import importlib.metadata
import importlib.util
import re
import sys
from pathlib import Path

#: The modules that the bundle takes from this Python. CuPy comes with them, for a GPU.
EXPECTED = ("pip", "numpy", "mpi4py", "numba", "scipy")

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


def complaint(options: list[str]) -> str:
    """Return what this Python lacks, and what to do, in one line; "" if it lacks nothing."""
    on_cpu = "--device cpu" in " ".join(options).replace("=", " ")
    expected = [*EXPECTED, *([] if on_cpu else ["cupy"])]
    lacking = [module for module in expected if importlib.util.find_spec(module) is None]
    if not lacking and sys.version_info[:2] == (3, 12):
        return ""
    without = f" without {', '.join(lacking)}" if lacking else ""
    line = (
        f"run.sh: {sys.executable} is Python {sys.version.split()[0]}{without}; expected Python "
        f"3.12 with {', '.join(expected)}; name another with PYTHON=/path/to/python"
    )
    if lacking == ["cupy"]:
        line += ", or try the check without a GPU by --device cpu"
    return line


def main() -> None:
    """Print the wheels, one a line."""
    folder, *options = sys.argv[1:]
    line = complaint(options)
    if line:
        sys.exit(line)
    for path in needed(sorted(Path(folder).glob("*.whl"))):
        print(path)


if __name__ == "__main__":
    main()
