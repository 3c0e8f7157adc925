"""Atomic files, stacks of images, sheets, pages, and errors that name the file at fault."""
