"""What the service does: load, decide, append."""
