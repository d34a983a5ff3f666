"""Changing and copying trees: all-or-nothing edits, rebind, patch, clone."""
