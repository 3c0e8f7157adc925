"""Stage `sample`: stacks of generated images."""
