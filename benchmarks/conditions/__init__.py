"""Whether a generator with conditions shows what it is asked for, on the patients of a study."""
