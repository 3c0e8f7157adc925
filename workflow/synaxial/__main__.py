"""The command line: `synaxial STAGE …`, one command a stage."""

import importlib
import logging
import os
import sys

import typer

from synaxial.errors import (
    BAD_INPUT_STATUS,
    STOPPED_EARLY_STATUS,
    StoppedEarlyError,
    SynaxialError,
)

#: Where each command's function `run` is, or the `app` of one that has commands of its own. A
#: command's module is imported only when it is called, so that `synaxial slice` does not wait for
#: Chainer.
COMMANDS = {
    "check": "synaxial.configuration.command",
    "fetch": "synaxial.acquire.fetch_command",
    "acquire": "synaxial.acquire.command",
    "manifest": "synaxial.acquire.manifest_command",
    "slice": "synaxial.slice.command",
    "resize": "synaxial.resize.command",
    "mask": "synaxial.mask.command",
    "pack": "synaxial.pack.command",
    "pack-masks": "synaxial.pack.masks_command",
    "train": "synaxial.train.command",
    "sample": "synaxial.sample.command",
    "render": "synaxial.render.command",
    "control": "synaxial.control.command",
    "measure": "synaxial.measure.command",
    "evaluate": "synaxial.evaluate.command",
    "compare": "synaxial.compare.command",
    "pair": "synaxial.compare.pair_command",
    "cases": "synaxial.compare.cases_command",
    "scaling": "synaxial.scaling.command",
    "efficiency": "synaxial.scaling.efficiency_command",
    "segment": "synaxial.segment.command",
    "report": "synaxial.report.command",
    "turing": "synaxial.turing.command",
    "catalogue": "synaxial.catalogue.command",
}


def make_app(names: list[str]) -> typer.Typer:
    """Return the application with the commands of these names."""
    app = typer.Typer(
        help="From brain-MRI volumes to stacks of generated axial slices.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(lambda: None)
    for name in names:
        module = importlib.import_module(COMMANDS[name])
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(module.run)
    return app


def main() -> None:
    """Run one command; a user's mistake ends in one line and a status of its own."""
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO
    )
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    names = [asked] if asked in COMMANDS else list(COMMANDS)
    try:
        make_app(names)(prog_name="synaxial")
    except SynaxialError as error:
        print(f"synaxial {asked}: error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT_STATUS)
    except StoppedEarlyError as stop:
        print(f"synaxial {asked}: {stop}", file=sys.stderr)
        sys.exit(STOPPED_EARLY_STATUS)
    except OSError as error:
        if os.environ.get("SYNAXIAL_TRACEBACK"):
            raise
        where = error.filename if error.filename is not None else "the file system"
        print(f"synaxial {asked}: error: {where}: {error.strerror or error}", file=sys.stderr)
        sys.exit(BAD_INPUT_STATUS)


if __name__ == "__main__":
    main()
