"""`make profiles`: our profiles by their names, from anywhere; other profiles stay."""

import os
import subprocess

import pytest

from .conftest import REPOSITORY, SNAKEMAKE, jobs_of, new_study


def make_profiles(folder):
    return subprocess.run(
        ["make", "--no-print-directory", "-C", str(REPOSITORY), "profiles"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_CONFIG_HOME": str(folder)},
    )


@pytest.mark.parametrize(("name", "other"), [("local", "slurm"), ("slurm", "local")])
def test_a_profile_of_the_user_stays(tmp_path, name, other):
    own = tmp_path / "snakemake" / name
    own.mkdir(parents=True)
    (own / "config.yaml").write_text("cores: 1\n")
    done = make_profiles(tmp_path)
    assert done.returncode != 0
    assert f"{own} is another profile and stays" in done.stderr
    assert (own / "config.yaml").read_text() == "cores: 1\n"
    assert not own.is_symlink()
    # The other one is linked all the same.
    assert own.with_name(other).resolve() == REPOSITORY / "profiles" / other


def test_a_folder_that_cannot_be_made_is_a_failure(tmp_path):
    (tmp_path / "file").write_text("")
    done = make_profiles(tmp_path / "file")
    assert done.returncode != 0
    assert "--profile local is" not in done.stdout


@pytest.mark.snakemake
def test_a_profile_is_found_by_its_name(tmp_path):
    for _ in range(2):
        done = make_profiles(tmp_path / "settings")
        assert done.returncode == 0, done.stderr
    for name in ("local", "slurm"):
        assert (tmp_path / "settings/snakemake" / name).resolve() == REPOSITORY / "profiles" / name
    workflow = new_study(tmp_path / "study")
    for name in ("local", "slurm"):
        done = subprocess.run(
            [
                *(SNAKEMAKE, "--profile", name, "--snakefile", str(REPOSITORY / "Snakefile")),
                *("--directory", str(workflow.folder), "--dry-run"),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "settings")},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert jobs_of(done.stdout)["train"] == 1
