"""The comparison of a set of images with real images that no network has seen.

`controls` makes the sets that generated images are compared with: the reference (half of the
held-out subjects), other real images, and sets with known defects. `judge` trains a small network
on the reference (`judge_training`), as a second judge beside the one that has seen photographs
only; `judge_record` says how well it predicts. `measure` turns each set into
arrays, one row per image: features (`features/`), patches, spectrum, anatomy, the nearest training
image (`metrics/`). Files of measurements are read and written by `measurements`. `score` compares
the arrays of a set with those of the reference in every metric, with bootstrap intervals; `scores`
lists the numbers and reads the files. `compare` puts all sets side by side in a table, a chart and
a page (`comparison_page`), which starts with a verdict in words (`verdict`); `summary` repeats the
verdict on the first page of the report. `pair` and `cases` draw figures of images. Each module
named after a command has the command as `run`.
"""
