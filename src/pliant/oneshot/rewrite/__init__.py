"""Rewrites a space of networks into one super-network, and gets concrete networks back."""
