"""Deterministic: they import contracts and the domain, and no adapter."""
