"""Trees as JSON and pickles: written, read, stored in files."""
