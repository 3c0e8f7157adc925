"""Make a bundle with which the check of GPUs runs on a machine without a package registry.

    python3 tools/make_gpu_bundle.py [FOLDER]      # or: make gpu-bundle

The folder then has `run.sh` and the wheels that a Python 3.12 with NumPy, CuPy, mpi4py, Numba,
SciPy and PyTorch lacks, for Linux on x86-64. Copy it to the machine, and run `bash run.sh` there.
The versions are those of envs/cpu.txt.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]

#: What the check imports and the target may lack. Numba (64 MB with LLVM) and SciPy (35 MB) are too
#: large; pandas and Matplotlib are not imported.
PACKAGES = (
    *("annotated-doc", "annotated-types", "cloudpickle", "filelock", "isal", "joblib", "pillow"),
    *("protobuf", "pydantic", "pydantic-core", "pyyaml", "shellingham", "six", "threadpoolctl"),
    *("tifffile", "typer", "typing-extensions", "typing-inspection"),
)

#: The MPI library, for a target whose mpi4py finds none.
MPI = ("mpich",)

#: The largest size in bytes.
LARGEST = 60_000_000

#: The systems on which the wheels must run; pip takes each name literally.
PLATFORMS = (
    *("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64"),
    *("manylinux2014_x86_64", "manylinux_2_5_x86_64", "manylinux1_x86_64"),
)

#: What our wheel is built from. Not in place: setuptools would leave its folder `build`.
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "workflow")


def make(folder: Path, python: str) -> None:
    """Make the bundle in a new folder, with the pip of an interpreter."""
    wheels, mpi = folder / "wheels", folder / "mpi"
    lock = (REPOSITORY / "envs" / "cpu.txt").read_text(encoding="utf-8")
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for packages, target in ((PACKAGES, wheels), (MPI, mpi)):
            pinned = work / "pinned.txt"
            pinned.write_text(locked(lock, packages), encoding="utf-8")
            platforms = [word for one in PLATFORMS for word in ("--platform", one)]
            command = ["download", "--quiet", "--no-deps", "--require-hashes", "-r", str(pinned)]
            only = ["--only-binary", ":all:", "--python-version", "3.12", *platforms]
            subprocess.run([*pip, *command, *only, "-d", str(target)], check=True)
        sources = work / "synaxial"
        for source in SOURCES:
            copy(REPOSITORY / source, sources / source)
        name_commit(sources / "pyproject.toml")
        build = [*pip, "wheel", "--quiet", "--no-deps", "-w", str(wheels)]
        subprocess.run([*build, str(sources)], check=True)
        # Chainer is built from source, which needs an old setuptools.
        pinned.write_text(locked(lock, ("chainer",)), encoding="utf-8")
        constraints = str(REPOSITORY / "envs" / "build-constraints.txt")
        # The first name is that of older pips.
        names = ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT")
        environment = {**os.environ, **dict.fromkeys(names, constraints)}
        subprocess.run([*build, "-r", str(pinned)], check=True, env=environment)
    for path in sorted((REPOSITORY / "tools" / "gpu_bundle").iterdir()):
        copy(path, folder / path.name)


def make_whole(folder: Path, python: str) -> int:
    """Make the bundle whole or not at all, and return its size in bytes.

    It is made beside its place, and moved there at the end.

    Raises
    ------
    SystemExit
        A command failed, which has said why, or the bundle is too large.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder.parent) as beside:
        partial = Path(beside) / "bundle"
        try:
            make(partial, python)
            size = check_size(partial)
            partial.rename(folder)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"{folder}: is not made ({error})")
    return size


def name_commit(project: Path) -> None:
    """Add the commit of the work tree, if there is one, to the version in a pyproject.toml.

    So a record of the bundle's check says it, though the bundle has no work tree.
    """
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return
    commit = done.stdout.strip().replace("-", ".")
    text = project.read_text(encoding="utf-8")
    text = re.sub(r'^version = "(.*)"$', rf'version = "\1+{commit}"', text, flags=re.MULTILINE)
    project.write_text(text, encoding="utf-8")


def locked(lock: str, packages: tuple[str, ...]) -> str:
    """Return the entries of some packages in a lock file, with their hashes.

    Raises
    ------
    SystemExit
        One is not in the lock file.
    """
    entries: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lock.splitlines(keepends=True):
        if not line.startswith((" ", "#")):
            current = entries.setdefault(line.partition("==")[0].strip(), [])
        current.append(line)
    absent = [package for package in packages if package not in entries]
    if absent:
        sys.exit(f"envs/cpu.txt: has no {', '.join(absent)}; expected all of PACKAGES")
    return "".join(line for package in packages for line in entries[package])


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, without compiled files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copy(source, target)


def check_size(folder: Path, largest: int = LARGEST) -> int:
    """Return the size of a bundle in bytes.

    Raises
    ------
    SystemExit
        It is too large; the largest files are named.
    """
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    total = sum(sizes.values())
    if total > largest:
        files = sorted(sizes, key=lambda path: -sizes[path])[:3]
        named = ", ".join(f"{path.name} ({sizes[path] / 1e6:.1f} MB)" for path in files)
        sys.exit(
            f"{folder}: has {total / 1e6:.1f} MB; expected at most {largest / 1e6:g} MB; the "
            f"largest files are {named}"
        )
    return total


def main() -> None:
    """Make the bundle of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = REPOSITORY / "results" / "gpu-bundle"
    parser.add_argument("folder", type=Path, nargs="?", default=default)
    parser.add_argument("--python", default=sys.executable, help="an interpreter with pip")
    given = parser.parse_args()
    if given.folder.exists():
        sys.exit(f"{given.folder}: is there already; expected a new folder; delete it first")
    size = make_whole(given.folder, given.python)
    name = given.folder.name
    print(f"{given.folder}: {size / 1e6:.1f} MB")
    print(f"Copy this folder to the machine with the GPU, and run there: bash {name}/run.sh FOLDER")
    print(f"FOLDER is for the results. `bash {name}/run.sh --help` says what Python it needs.")


if __name__ == "__main__":
    main()
