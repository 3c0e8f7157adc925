"""The command line: `synaxial STAGE …`, one command a stage."""

import importlib
import logging
import os
import sys

import typer

from synaxial.io.errors import (
    BAD_INPUT_STATUS,
    STOPPED_EARLY_STATUS,
    StoppedEarlyError,
    SynaxialError,
)

#: Where each command's function `run` is, or the `app` of one that has commands of its own. A
#: command's module is imported only when it is called, so that `synaxial slice` does not wait for
#: Chainer.
COMMANDS = {
    "check": "synaxial.check_command",
    "fetch": "synaxial.data.sources.fetch",
    "acquire": "synaxial.data.volumes.acquire",
    "manifest": "synaxial.data.volumes.manifest",
    "slice": "synaxial.data.slices.slice_command",
    "resize": "synaxial.data.slices.resize_command",
    "mask": "synaxial.data.slices.mask_command",
    "pack": "synaxial.data.dataset.pack_command",
    "pack-masks": "synaxial.data.dataset.pack_masks_command",
    "train": "synaxial.gan.train.train_command",
    "sample": "synaxial.gan.sample_command",
    "render": "synaxial.gan.render_command",
    "control": "synaxial.evaluation.control_command",
    "measure": "synaxial.evaluation.measure_command",
    "evaluate": "synaxial.evaluation.evaluate_command",
    "compare": "synaxial.evaluation.compare_command",
    "pair": "synaxial.evaluation.pair_command",
    "cases": "synaxial.evaluation.cases_command",
    "scaling": "synaxial.studies.scaling.command",
    "efficiency": "synaxial.studies.scaling.efficiency_command",
    "segment": "synaxial.studies.segment.command",
    "report": "synaxial.io.report_command",
    "turing": "synaxial.studies.turing.command",
    "catalogue": "synaxial.studies.catalogue.command",
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
