"""``pliant study``: commands that show, export, continue and delete studies."""
