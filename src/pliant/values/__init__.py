"""Shared values: paths, markers, placeholders, errors, registered types, atomic files, JSON lines."""
