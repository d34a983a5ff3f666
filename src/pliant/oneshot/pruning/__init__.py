"""Structured pruning of trained networks: spaces of their widths and depths, importance of channels, sensitivity, limits."""
