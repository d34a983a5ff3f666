"""The tree: nodes, leaves, parents and keys, and lazily realized objects."""
