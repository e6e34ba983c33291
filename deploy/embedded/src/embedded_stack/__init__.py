"""Starts the whole system from Python packages, for `make run` and for the tests."""
