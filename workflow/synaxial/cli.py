"""The command line, `synaxial GROUP COMMAND …`, and where each command's code is.

`synaxial COMMAND … --then COMMAND …` runs several commands in one process.
"""

import ast
import atexit
import gc
import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import typer

from synaxial.io.errors import (
    BAD_INPUT_STATUS,
    STOPPED_EARLY_STATUS,
    StoppedEarlyError,
    SynaxialError,
    in_words,
)

#: The word between two commands of one process. No experiment, file or value has such a name.
THEN = "--then"

#: The module of each command. Its function `run` is the command.
COMMANDS = {
    "check": "synaxial.plan",
    "data fetch": "synaxial.data.sources.fetch",
    "data prepare": "synaxial.data.prepared.prepare",
    "data acquire": "synaxial.data.volumes.acquire",
    "data manifest": "synaxial.data.volumes.manifest",
    "data slice": "synaxial.data.slices.slice",
    "data resize": "synaxial.data.slices.resize",
    "data mask": "synaxial.data.slices.mask",
    "data pack": "synaxial.data.dataset.pack",
    "data pack-masks": "synaxial.data.dataset.pack_masks",
    "upsampler train": "synaxial.gan.train.upsampler_command",
    "upsampler apply": "synaxial.gan.enlarging",
    "train": "synaxial.gan.train.command",
    "sample": "synaxial.gan.sampling",
    "render": "synaxial.gan.rendering",
    "evaluate controls": "synaxial.evaluation.controls",
    "evaluate judge": "synaxial.evaluation.judge",
    "evaluate measure": "synaxial.evaluation.measure",
    "evaluate score": "synaxial.evaluation.score",
    "evaluate compare": "synaxial.evaluation.compare",
    "evaluate pair": "synaxial.evaluation.pair",
    "evaluate cases": "synaxial.evaluation.cases",
    "evaluate conditions": "synaxial.evaluation.conditions",
    "evaluate neighbours": "synaxial.evaluation.neighbouring",
    "evaluate summary": "synaxial.evaluation.summary",
    "study scaling measure": "synaxial.studies.scaling.measure",
    "study scaling report": "synaxial.studies.scaling.report",
    "study segment train": "synaxial.studies.segment.train",
    "study segment check": "synaxial.studies.segment.check",
    "study segment compare": "synaxial.studies.segment.compare",
    "study gpu-check": "synaxial.studies.gpu_check.command",
    "study turing build": "synaxial.studies.turing.build",
    "study turing score": "synaxial.studies.turing.score",
    "catalogue load": "synaxial.studies.catalogue.load",
    "catalogue search": "synaxial.studies.catalogue.search",
    "catalogue consult": "synaxial.studies.catalogue.consult",
    "catalogue send": "synaxial.studies.catalogue.send",
    "export bids": "synaxial.studies.export.bids",
    "export onnx": "synaxial.studies.export.onnx_file",
    "export card": "synaxial.studies.export.card",
    "report": "synaxial.io.report",
}

#: The groups of commands, with the line that `--help` shows for each.
GROUPS = {
    "data": "From volumes to the data set of slices.",
    "upsampler": "The network that enlarges the images of a coarse generator.",
    "evaluate": "Compare generated images with unseen real images.",
    "study": "Further studies: scaling, segmentation, Turing test, GPUs.",
    "study scaling": "Speed of the training on several ranks.",
    "study segment": "Whether generated images with masks help a segmentation model.",
    "study turing": "A visual Turing test with human readers.",
    "catalogue": "A database of all generated images.",
    "export": "Images and generators for use elsewhere.",
}


def find_command(words: Sequence[str]) -> str:
    """Return the command that a command line starts with; "" if it names none."""
    starts = (" ".join(words[:length]) for length in (1, 2, 3))
    return next((start for start in starts if start in COMMANDS), "")


def make_app(command: str = "") -> typer.Typer:
    """Return the application, with one command or with all commands' help lines.

    Only the module of `command` is imported, so that `synaxial data slice` does not wait for
    Chainer. Without a command no module is imported, and the application can only show help.
    """
    apps = {"": _make_group("From brain-MRI volumes to stacks of generated axial slices.")}
    for name, help_line in GROUPS.items():
        apps[name] = _make_group(help_line)
        parent, _, last = name.rpartition(" ")
        apps[parent].add_typer(apps[name], name=last)
    for name in [command] if command else COMMANDS:
        parent, _, last = name.rpartition(" ")
        if command:
            apps[parent].command(last)(importlib.import_module(COMMANDS[name]).run)
        else:
            apps[parent].command(last, help=_help_of(COMMANDS[name]))(_do_nothing)
    return apps[""]


def source_of(module: str) -> ast.Module:
    """Return the syntax tree of a module of this package, without importing the module."""
    path = Path(__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def _make_group(help_line: str) -> typer.Typer:
    group = typer.Typer(
        help=help_line,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    # Without a callback, Typer makes an application with one command that command itself.
    group.callback()(_do_nothing)
    return group


def _do_nothing() -> None:
    pass


def _help_of(module: str) -> str | None:
    functions = (node for node in source_of(module).body if isinstance(node, ast.FunctionDef))
    return next(ast.get_docstring(node) for node in functions if node.name == "run")


def main() -> None:
    """Run the commands of a command line, which `--then` separates.

    Commands of one process import their libraries once. The first that fails ends the process.
    """
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO
    )
    # Where there is no home folder, Matplotlib says so at every start.
    if not os.access(os.path.expanduser("~"), os.W_OK):  # noqa: PTH111 - no error without a home
        folder = Path(tempfile.gettempdir(), f"matplotlib-{os.getuid()}")
        os.environ.setdefault("MPLCONFIGDIR", str(folder))
    # Python would search all loaded modules for garbage at its end, which takes 50 to 80 ms.
    atexit.register(gc.freeze)
    first, *others = split_commands(sys.argv[1:])
    run_command(first)
    for words in others:
        # Or what the last command left would be frozen with the imports of this one.
        gc.collect()
        run_command(words)


def split_commands(words: Sequence[str]) -> list[list[str]]:
    """Return the words of each command of a command line."""
    commands: list[list[str]] = [[]]
    for word in words:
        if word == THEN:
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def run_command(words: list[str]) -> None:
    """Run one command. A user's mistake ends in one line and a status of its own."""
    command = find_command(words)
    # Imports leave no garbage, but its collection takes a twentieth of the start of a command, and
    # each later one would look through the modules again.
    gc.disable()
    try:
        app = make_app(command)
        gc.freeze()
        gc.enable()
        app(words, prog_name="synaxial")
    except SystemExit as end:
        # Click ends each command so.
        if end.code:
            raise
    except SynaxialError as error:
        for line in str(error).splitlines():
            print(f"synaxial {command}: error: {line}", file=sys.stderr)
        sys.exit(BAD_INPUT_STATUS)
    except StoppedEarlyError as stop:
        print(f"synaxial {command}: {stop}", file=sys.stderr)
        sys.exit(STOPPED_EARLY_STATUS)
    except OSError as error:
        if os.environ.get("SYNAXIAL_TRACEBACK"):
            raise
        print(f"synaxial {command}: error: {in_words(error)}", file=sys.stderr)
        sys.exit(BAD_INPUT_STATUS)


if __name__ == "__main__":
    main()
