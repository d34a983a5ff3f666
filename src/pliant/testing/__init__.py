"""Conformance suites that ship with the package: a contract comes with its tests."""
