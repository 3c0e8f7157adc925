"""`synaxial segment …`: its own commands."""

import typer

from synaxial.studies.segment import check_command, compare_command, train_command

app = typer.Typer(
    help="What generated images with masks are worth to a segmentation model.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("train")(train_command.run)
app.command("check")(check_command.run)
app.command("compare")(compare_command.run)
