"""`synaxial turing …`: its own commands."""

import typer

from synaxial.turing import build_command

app = typer.Typer(
    help="A visual Turing test: make its page for readers, and say what their answers show.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.callback()(lambda: None)
app.command("build")(build_command.run)
