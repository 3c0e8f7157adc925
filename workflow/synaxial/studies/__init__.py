"""Studies on top of the pipeline; nothing below imports them."""
