"""Plumbing that every service shares. It knows bytes, not meaning: nothing here imports the contracts."""
