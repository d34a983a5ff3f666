"""The NAS client: searches whose trials are programs or containers."""
