"""Rewrites a space of networks into one super-network, and materializes concrete networks from it."""
