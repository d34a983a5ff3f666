"""``pliant watch``: a live view of a study in a terminal, which only reads."""
