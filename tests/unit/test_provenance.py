"""A command's code digest: what changes it and what does not."""

import textwrap

import pytest

from synaxial import provenance
from synaxial.provenance import digest_of_code, reachable_modules


def test_a_command_reaches_its_own_stage_and_what_it_shares():
    reached = reachable_modules("synaxial.data.slices.slice")
    assert {
        "synaxial.data.slices.slice",
        "synaxial.io.files",
        "synaxial.config.model",
    } <= reached
    assert not any(name.startswith(("synaxial.gan.train", "synaxial.sample")) for name in reached)
    assert "synaxial.gan.networks.generator" in reachable_modules("synaxial.gan.train.command")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules that stands in for this one; rewrite it and ask again."""
    folder = tmp_path / "standin"
    folder.mkdir()
    monkeypatch.setattr(provenance, "PACKAGE", "standin")
    monkeypatch.setattr(provenance, "FOLDER", folder)

    def digest(command, shared="def g():\n    return 1\n"):
        (folder / "__init__.py").write_text("")
        (folder / "command.py").write_text(textwrap.dedent(command))
        (folder / "shared.py").write_text(shared)
        for function in (provenance.imports_of, provenance.source_of, provenance.code_of):
            function.cache_clear()
        return digest_of_code("standin.command")

    return digest


COMMAND = '''
from standin.shared import g

def run():
    """Say it."""
    return g() + 1
'''


def test_comments_docstrings_and_layout_do_not_count(package):
    before = package(COMMAND)
    reworded = COMMAND.replace("Say it.", "Tell it.").replace("+ 1", "+  1  # one more")
    assert package(reworded) == before


def test_code_counts_also_in_what_is_imported(package):
    before = package(COMMAND)
    assert package(COMMAND.replace("+ 1", "+ 2")) != before
    assert package(COMMAND, shared="def g():\n    return 2\n") != before
