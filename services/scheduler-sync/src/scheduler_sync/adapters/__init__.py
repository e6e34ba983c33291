"""Temporal and the bus."""
