"""The functions that the networks spend their time in."""
