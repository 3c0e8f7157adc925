"""Stage `turing`: a visual Turing test, its page and what its answers say."""
