"""Floor 2: programs as trees that can be inspected, compared, stored and changed."""
