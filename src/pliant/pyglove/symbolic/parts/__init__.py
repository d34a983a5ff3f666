"""What the classes of symbolic values share: changes, permissions, traversal, comparison, JSON."""
