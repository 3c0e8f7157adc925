"""The script of docs/export.md makes the images of `synaxial sample`, without Synaxial."""

import ast
import subprocess
import sys

import numpy as np
import pytest

from synaxial.io.stacks import read_stack

from ....conftest import ROOT
from .generators import COARSE_TO_FINE, CONDITIONS, PAPER, make_trained

SCRIPT = ROOT / "docs/sample_onnx.py"
UNIFORM = {**PAPER, "latent": {"size": 6, "distribution": "uniform"}}
ASKED = {**COARSE_TO_FINE, "conditions": CONDITIONS}


def run_script(*arguments):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("settings", "asked", "label"),
    [
        (UNIFORM, (), ()),
        (COARSE_TO_FINE, (), ()),
        (ASKED, ("--level", 70, "--tumour", "none"), ("--label", 70, 0, 0, 0)),
    ],
)
def test_the_images_are_those_of_a_stack(tmp_path, run_synaxial, settings, asked, label):
    generator, model = tmp_path / "generator.npz", tmp_path / "generator.onnx"
    make_trained(generator, settings)
    (tmp_path / "study.yaml").write_text("sample: {seed: 5}\n")
    for words in (
        ("export", "onnx", "--generator", generator, "--output", model),
        (
            *("sample", "--config", tmp_path / "study.yaml", "--generator", generator),
            *("--output", tmp_path / "stack.tif", "--stack", 2, "--images", 6, *asked),
        ),
    ):
        done = run_synaxial(*words)
        assert done.returncode == 0, done.stderr
    done = run_script(model, tmp_path / "made", "--images", 6, "--seed", 5, "--stack", 2, *label)
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "made/images.npy")
    pages = read_stack(tmp_path / "stack.tif").pages.transpose(0, 3, 1, 2)[:, : found.shape[1]]
    assert found.shape == pages.shape
    difference = np.abs(found.astype(int) - pages)
    # A value near the middle of two grey levels may be rounded to the other one.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01
    assert len(np.unique(found, axis=0)) == 6


def test_without_a_label(tmp_path, run_synaxial):
    generator, model = tmp_path / "generator.npz", tmp_path / "generator.onnx"
    make_trained(generator, ASKED)
    run_synaxial("export", "onnx", "--generator", generator, "--output", model)
    done = run_script(model, tmp_path / "made")
    assert done.returncode == 1
    assert done.stderr == f"{model} needs --label LEVEL TUMOUR SIDE SIZE\n"


def test_it_needs_numpy_and_onnxruntime_alone():
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(SCRIPT.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported - sys.stdlib_module_names == {"numpy", "onnxruntime"}


def test_mistakes_are_one_line(tmp_path, run_synaxial):
    generator, model = tmp_path / "generator.npz", tmp_path / "generator.onnx"
    make_trained(generator, PAPER)
    run_synaxial("export", "onnx", "--generator", generator, "--output", model)
    (tmp_path / "file").touch()
    (tmp_path / "taken/images.npy").mkdir(parents=True)
    for words, line in (
        ((generator, tmp_path / "made"), "generator.npz is no file of `synaxial export onnx` ("),
        ((tmp_path / "file", tmp_path / "made"), "file is no file of `synaxial export onnx` ("),
        ((model, tmp_path / "file"), "file cannot be written (File exists)"),
        ((model, tmp_path / "file" / "made"), "made cannot be written (Not a directory)"),
        ((model, tmp_path / "taken"), "images.npy cannot be written (Is a directory)"),
        ((tmp_path / "no.onnx", tmp_path / "made"), "no.onnx is not there"),
        ((model, tmp_path / "made", "--images", 0), "--images must be 1 or more"),
        ((model, tmp_path / "made", "--stack", -3), "--stack and --seed 0 or more"),
        ((model, tmp_path / "made", "--label", 70, 0, 0, 0), "has no conditions"),
    ):
        done = run_script(*words)
        assert done.returncode != 0
        assert line in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "made").exists()
