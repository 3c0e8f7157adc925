"""A visual Turing test: the page for readers, and the evaluation of their answers."""
