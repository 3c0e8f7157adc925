"""The commands in their groups, and what --help shows."""

import re

import pytest

from synaxial.cli import COMMANDS, GROUPS, find_command


def test_a_command_line_starts_with_a_command():
    assert find_command(["data", "slice", "--help"]) == "data slice"
    assert find_command(["study", "scaling", "measure", "data"]) == "study scaling measure"
    assert find_command(["train"]) == "train"
    for words in ([], ["--help"], ["data"], ["data", "train"], ["slice"]):
        assert find_command(words) == ""


def test_help_shows_each_group_and_command_in_one_line(run_synaxial):
    for group in ("", *GROUPS):
        shown = run_synaxial(*group.split(), "--help").stdout
        listed = re.findall(r"^  ([a-z][a-z-]*)  +(\S.*)$", shown, re.MULTILINE)
        start = f"{group} " if group else ""
        below = {
            name.removeprefix(start) for name in [*COMMANDS, *GROUPS] if name.startswith(start)
        }
        assert {name for name, _ in listed} == {name for name in below if " " not in name}
    lines = dict(
        re.findall(r"^  ([a-z][a-z-]*)  +(\S.*)$", run_synaxial("--help").stdout, re.MULTILINE)
    )
    assert {lines[name] for name in GROUPS if " " not in name} <= set(GROUPS.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(run_synaxial, command):
    done = run_synaxial(*command.split(), "--help")
    assert done.returncode == 0
    assert re.search(rf"Example:\s+(mpiexec -n \d+ )?synaxial {command}\s", done.stdout)


def test_a_group_without_a_command_shows_its_help(run_synaxial):
    done = run_synaxial("study", "turing")
    assert "build" in done.stdout + done.stderr
    done = run_synaxial("slice")
    assert done.returncode == 2
    assert "No such command 'slice'" in done.stderr


def test_commands_of_one_process_run_one_after_the_other(run_process, tmp_path):
    pages = [tmp_path / f"{name}.html" for name in ("first", "second", "third")]
    (tmp_path / "text.yaml").write_text("key: value\n")

    def report(page, source="text.yaml"):
        return ["report", "--source", tmp_path / source, "--title", "Title", "--output", page]

    done = run_process(*report(pages[0]), "--then", *report(pages[1]))
    assert done.returncode == 0, done.stderr
    assert pages[0].read_text() == pages[1].read_text()
    # What comes after a mistake does not run.
    for path in pages[:2]:
        path.unlink()
    mistake = report(pages[1], "none.yaml")
    done = run_process(*report(pages[0]), "--then", *mistake, "--then", *report(pages[2]))
    assert done.returncode == 65
    assert "synaxial report: error: " in done.stderr
    assert [page.exists() for page in pages] == [True, False, False]
    done = run_process("report", "--then", *report(pages[2]))
    assert done.returncode == 2
    assert not pages[2].exists()
