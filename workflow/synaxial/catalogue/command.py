"""`synaxial catalogue …`: its own commands."""

import typer

from synaxial.catalogue import load_command

app = typer.Typer(
    help="Load generated images into a catalogue, search it, send what is found, look at it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("load")(load_command.run)
