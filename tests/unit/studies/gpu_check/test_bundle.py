"""The bundle for a machine without a package registry: what is in it, and its size."""

import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from synaxial.studies.gpu_check.steps import STEPS

TOOLS = Path(__file__).parents[4] / "tools"

#: The modules of the packages in the bundle whose names differ from those of the packages.
MODULES = {
    "pillow": "PIL",
    "protobuf": "google",
    "pyyaml": "yaml",
    "pydantic-core": "pydantic_core",
}

#: Modules of packages that are not taken apart here: Chainer's wheel and Numba have several.
ALSO = {"synaxial", "chainer", "chainermn", "chainerx", "llvmlite", "_yaml"}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def builder():
    return load(TOOLS / "make_gpu_bundle.py")


@pytest.fixture(scope="module")
def missing():
    return load(TOOLS / "gpu_bundle" / "missing.py")


def test_the_steps_import_only_what_the_bundle_or_its_target_has(builder, missing):
    named = {*builder.PACKAGES, *missing.EXPECTED}
    allowed = {MODULES.get(name, name.replace("-", "_")) for name in named} | ALSO
    refused = set(importlib.metadata.packages_distributions()) - allowed
    modules = {step.function.partition(":")[0] for step in STEPS} | {
        "synaxial.cli",
        "synaxial.studies.gpu_check.command",
        "synaxial.studies.gpu_check.one_of_ranks",
        "synaxial.gan.train.command",
    }
    code = f"""
import importlib, importlib.abc, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
for module in {sorted(modules)!r}:
    importlib.import_module(module)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_package_of_the_bundle_is_locked_with_its_hashes(builder):
    lock = (builder.REPOSITORY / "envs" / "cpu.txt").read_text()
    for package in (*builder.PACKAGES, *builder.MPI, "chainer"):
        entry = builder.locked(lock, (package,))
        assert entry.startswith(f"{package}==")
        assert "--hash=sha256:" in entry
    with pytest.raises(SystemExit, match="has no unheard-of"):
        builder.locked(lock, ("six", "unheard-of"))


def test_a_bundle_that_is_too_large_is_refused(builder, tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "large.whl").write_bytes(bytes(900))
    (tmp_path / "run.sh").write_bytes(bytes(100))
    assert builder.check_size(tmp_path, 1000) == 1000
    with pytest.raises(SystemExit, match=r"large\.whl"):
        builder.check_size(tmp_path, 999)


def test_what_is_there_and_not_older_stays(missing, monkeypatch):
    installed = {"six": (1, 17, 0), "typing-extensions": (4, 9), "pydantic-core": (3,)}
    monkeypatch.setattr(missing, "installed_version", lambda name: installed.get(name, ()))
    wheels = [
        *("chainer-7.8.1-py3-none-any.whl", "six-1.17.0-py2.py3-none-any.whl"),
        *("typing_extensions-4.16.0-py3-none-any.whl", "pydantic-2.14.3-py3-none-any.whl"),
        "pydantic_core-2.50.4-cp312-cp312-manylinux_2_17_x86_64.whl",
    ]
    kept = [path.name for path in missing.needed([Path(name) for name in wheels])]
    # pydantic needs its own pydantic-core.
    assert kept == [name for name in wheels if not name.startswith("six")]
