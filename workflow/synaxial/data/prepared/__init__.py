"""Stages `acquire`, `slice`, `resize` and `mask` of many subjects in one command."""
