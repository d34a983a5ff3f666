"""Trials as data, and the rules about them: constraints, leases, replay.  Uses no database."""
