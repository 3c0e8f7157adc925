"""The commit in run.json is that of this project, and never that of another one around it."""

import subprocess

import pytest

from synaxial.gan.train.outputs import git_commit

HERE = "workflow/synaxial/gan/train/outputs.py"


def git(folder, *arguments):
    command = ["git", "-C", folder, "-c", "user.name=A", "-c", "user.email=a@b.c", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path):
    """The project's file in a work tree with one commit."""
    file = tmp_path / "project" / HERE
    file.parent.mkdir(parents=True)
    file.write_text("code")
    git(tmp_path, "init", "-q", "project")
    git(tmp_path / "project", "add", ".")
    git(tmp_path / "project", "commit", "-qm", "one")
    return tmp_path / "project"


def test_a_clone_has_its_commit(project):
    commit = git(project, "rev-parse", "HEAD")
    assert git_commit(project / HERE) == commit
    (project / HERE).write_text("changed")
    assert git_commit(project / HERE) == f"{commit}-dirty"


def test_unzipped_in_another_repository_there_is_none(project):
    for folder in (project / "synaxial", project / "other"):
        (folder / HERE).parent.mkdir(parents=True)
        (folder / HERE).write_text("unzipped")
    assert git_commit(project / "synaxial" / HERE) is None
    # Nor if the other repository has committed the copy.
    git(project, "add", "other")
    git(project, "commit", "-qm", "two")
    assert git_commit(project / "other" / HERE) is None


def test_unzipped_at_the_root_of_another_repository_there_is_none(tmp_path):
    (tmp_path / "other").mkdir()
    git(tmp_path, "init", "-q", "other")
    git(tmp_path / "other", "commit", "-q", "--allow-empty", "-m", "theirs")
    (tmp_path / "other" / HERE).parent.mkdir(parents=True)
    (tmp_path / "other" / HERE).write_text("unzipped")
    assert git_commit(tmp_path / "other" / HERE) is None


def test_a_hook_of_another_repository_changes_nothing(tmp_path, project, monkeypatch):
    git(tmp_path, "init", "-q", "--bare", "other.git")
    commit = git(project, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other.git"))
    assert git_commit(project / HERE) == commit


def test_without_git_there_is_none(project, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit(project / HERE) is None
