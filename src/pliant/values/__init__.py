"""Floor 0: paths, markers, placeholders, error classes, and the names of stored types."""
