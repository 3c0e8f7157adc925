"""One command that shows whether a GPU trains right."""
