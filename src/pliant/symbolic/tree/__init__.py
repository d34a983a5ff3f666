"""The tree itself: nodes, leaves, their places, and lazily realized objects."""
