"""Floor 3: programs with holes, and the way between them and decisions."""
