"""Schedules of numbers over steps with PyGlove's names."""
