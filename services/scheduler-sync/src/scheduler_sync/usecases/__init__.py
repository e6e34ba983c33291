"""Reconciling, describing, running: load, decide, do."""
