"""`synaxial catalogue …`: its own commands."""

import importlib
import sys

import typer

#: Where each command's function `run` is; imported only if it is called, as in `__main__`.
COMMANDS = {
    "load": "synaxial.studies.catalogue.load_command",
    "search": "synaxial.studies.catalogue.search_command",
    "send": "synaxial.studies.catalogue.send_command",
    "consult": "synaxial.studies.catalogue.consult_command",
}


def make_app(names: list[str]) -> typer.Typer:
    """Return the application with the commands of these names."""
    made = typer.Typer(
        help="Load generated images into a catalogue, search it, send what is found, look at it.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    made.callback()(lambda: None)
    for name in names:
        made.command(name)(importlib.import_module(COMMANDS[name]).run)
    return made


_asked = [name for name in sys.argv[2:3] if name in COMMANDS]
app = make_app(_asked or list(COMMANDS))
