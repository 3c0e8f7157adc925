"""A command with thousands of files: Snakemake writes it into a script.

Linux takes 128 kB as one argument, which a command of 2,000 subjects with long names exceeds. It
takes 2 MB as all arguments together, which are about 30,000 subjects.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.snakemake

SUBJECTS = 4000
LONGEST_ARGUMENT = 128 * 1024

SNAKEFILE = f"""
NAMES = expand("results/images/a_name_of_a_subject_of_forty_letters_{{n}}.tif", n=range({SUBJECTS}))

rule pack:
    input: NAMES
    output: "count.txt"
    shell: "{sys.executable} list.py {{input}} > {{output}}"
"""


def test_a_command_may_name_thousands_of_files(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "list.py").write_text("import sys; print(*sys.argv[1:], sep='\\n')")
    folder = tmp_path / "results" / "images"
    folder.mkdir(parents=True)
    for number in range(SUBJECTS):
        (folder / f"a_name_of_a_subject_of_forty_letters_{number}.tif").touch()
    command = [Path(sys.executable).with_name("snakemake"), "--cores", "1", "--quiet", "all"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True, timeout=120)
    said = (tmp_path / "count.txt").read_text()
    assert len(said) > LONGEST_ARGUMENT
    assert len(said.splitlines()) == SUBJECTS
