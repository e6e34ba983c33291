"""Turns accepted deliveries, events and firings into Temporal workflows, and runs them."""
