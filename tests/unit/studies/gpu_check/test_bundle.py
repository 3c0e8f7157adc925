"""The bundle for a machine without a package registry: what is in it, and its size."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
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


def test_a_bundle_that_fails_is_one_line_and_leaves_nothing(builder, tmp_path, monkeypatch):
    """So the next try does not say that it is there already."""

    def make(folder, _):
        (folder / "wheels").mkdir(parents=True)
        if fails:
            raise subprocess.CalledProcessError(1, ["pip"])

    monkeypatch.setattr(builder, "make", make)
    monkeypatch.setattr(sys, "argv", ["make_gpu_bundle.py", str(tmp_path / "results" / "bundle")])
    fails = True
    with pytest.raises(SystemExit, match=r"bundle: is not made \(Command .* exit status 1"):
        builder.main()
    assert list((tmp_path / "results").iterdir()) == []
    fails = False
    builder.main()
    assert [path.name for path in (tmp_path / "results").rglob("*")] == ["bundle", "wheels"]


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


def test_what_the_bundle_needs_is_named_in_one_line(missing, monkeypatch):
    there = {"pip", "numpy", "mpi4py", "numba", "scipy"}
    monkeypatch.setattr(
        missing.importlib.util, "find_spec", lambda name: name if name in there else None
    )
    monkeypatch.setattr(missing.sys, "version_info", (3, 12, 1))
    assert " without cupy; " in missing.complaint([])
    assert missing.complaint([]).endswith("or try the check without a GPU by --device cpu")
    for options in (["--device", "cpu"], ["--minutes", "9", "--device=cpu"]):
        assert missing.complaint(options) == ""
    there -= {"pip", "numba"}
    line = missing.complaint(["--device", "cpu"])
    assert " without pip, numba; expected Python 3.12 with pip, numpy, " in line
    assert "\n" not in line
    there |= {"pip", "numba", "cupy"}
    monkeypatch.setattr(missing.sys, "version_info", (3, 13, 0))
    assert missing.complaint([]).count("expected Python 3.12") == 1


def test_the_version_names_the_commit(builder, tmp_path):
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\nversion = "1.2"\npython_version = "3.11"\n')
    builder.name_commit(project)
    head = ["git", "-C", str(builder.REPOSITORY), "rev-parse", "HEAD"]
    commit = subprocess.run(head, capture_output=True, text=True, check=True).stdout[:7]
    assert re.match(rf'\[project\]\nversion = "1\.2\+{commit}', project.read_text())
    assert project.read_text().endswith('python_version = "3.11"\n')


class Bundle:
    """A bundle of one wheel, and an interpreter that says where what it runs comes from."""

    def __init__(self, folder):
        self.folder, self.temporary = folder / "bundle", folder / "temporary"
        self.log = folder / "installations"
        self.temporary.mkdir()
        (self.folder / "wheels").mkdir(parents=True)
        (self.folder / "wheels" / "synaxial-1-py3-none-any.whl").write_bytes(b"a wheel")
        for name in ("run.sh", "missing.py"):
            shutil.copy(TOOLS / "gpu_bundle" / name, self.folder)
        self.python = folder / "python"
        self.python.write_text(
            f"""#!/bin/bash
case $* in
*missing.py*) ls "$2"/*.whl ;;
*pip*) echo "$*" >> {self.log}
    while [ "$1" != --target ]; do shift; done
    mkdir "$2"; sleep 1; {self.writes} ;;
*gpu-check*) echo "$PYTHONPATH" "$@" ;;
esac
"""
        )
        self.python.chmod(0o755)

    #: What the stand-in for pip does with the folder of the wheels.
    writes = 'touch "$2/whole"'

    def start(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "TMPDIR": str(self.temporary)}
        return subprocess.Popen(
            ["bash", self.folder / "run.sh", *arguments],
            env={**environment, "PYTHON": str(self.python)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments):
        """Run it; return the folder of the packages, and the words of the command."""
        return self.end(self.start(*arguments))

    def end(self, process):
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        site, *words = out.split()
        assert (Path(site) / "whole").exists()
        return Path(site), words, err


@pytest.fixture
def bundle(tmp_path):
    return Bundle(tmp_path)


def test_two_nodes_share_what_is_installed_and_it_is_installed_once(bundle):
    both = [bundle.start("results"), bundle.start("results")]
    (first, words, _), (second, _, _) = map(bundle.end, both)
    assert first == second
    assert first.parent == bundle.folder
    assert words == ["-m", "synaxial", "study", "gpu-check", "--output", "results"]
    before = bundle.log.read_text()
    assert bundle.run("--device", "cpu")[1][-4:] == ["--output", "gpu-check", "--device", "cpu"]
    assert bundle.log.read_text() == before
    # Nothing partial is left.
    names = {path.name for path in bundle.folder.iterdir()}
    assert names == {"wheels", "run.sh", "missing.py", first.name}
    # Other wheels get a folder of their own.
    (bundle.folder / "wheels" / "synaxial-1-py3-none-any.whl").write_bytes(b"another wheel")
    assert bundle.run()[0] != first


def test_a_bundle_that_cannot_be_written_installs_into_a_folder_of_the_user(bundle, monkeypatch):
    # For root every folder can be written, so a `test -w` that says no stands for one that cannot.
    script = bundle.folder / "run.sh"
    assert script.read_text().count('[ ! -w "$bundle" ]') == 1
    script.write_text(script.read_text().replace('[ ! -w "$bundle" ]', "true"))
    site, _, said = bundle.run()
    assert site.parent == bundle.temporary / f"synaxial-gpu-check-{os.getuid()}"
    assert site.parent.stat().st_mode & 0o777 == 0o700
    assert said == f"run.sh: {bundle.folder} cannot be written; installing into {site.parent}\n"
    site.parent.chmod(0o777)
    assert bundle.run()[2] == ""
    assert site.parent.stat().st_mode & 0o777 == 0o700
    # Who made a link can lead it to another folder later.
    site.parent.rename(bundle.temporary / "elsewhere")
    site.parent.symlink_to(bundle.temporary / "elsewhere")
    process = bundle.start()
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert said == f"run.sh: {site.parent} is a link or belongs to another user; set TMPDIR\n"


def test_an_installation_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Bundle, "writes", "exit 2")
    bundle = Bundle(tmp_path)
    process = bundle.start()
    out, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert out == ""
    assert {path.name for path in bundle.folder.iterdir()} == {"wheels", "run.sh", "missing.py"}


def test_run_sh_explains_itself(bundle):
    out, _ = bundle.start("--help").communicate(timeout=60)
    assert out.startswith("Check the GPU of this machine")
    assert "bash run.sh [FOLDER [OPTIONS]]" in out
    assert "set -e" not in out
