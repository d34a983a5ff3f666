"""The NAS tutorial: its search spaces, and a trainer for them."""
