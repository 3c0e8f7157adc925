"""What images are worth, as numbers.

A metric is a module with two steps. `measure` turns images into arrays, one row an image, once;
`compare` turns the rows of two sets into numbers, and takes a weight for each row, so that
`intervals.py` can draw sets anew without measuring again. Which sets are compared with which is
`synaxial.evaluation`'s to say.
"""
