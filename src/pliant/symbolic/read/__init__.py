"""Reading trees: comparison, difference, queries, traversal, text."""
