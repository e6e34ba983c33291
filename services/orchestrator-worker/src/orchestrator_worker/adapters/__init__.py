"""Temporal and the bus, in the roles that the use cases name."""
