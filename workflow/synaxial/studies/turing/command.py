"""`synaxial turing …`: its own commands."""

import typer

from synaxial.studies.turing import build_command, score_command

app = typer.Typer(
    help="A visual Turing test: make its page for readers, and say what their answers show.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("build")(build_command.run)
app.command("score")(score_command.run)
