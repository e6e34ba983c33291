"""trigger-api: what workflows and triggers are, kept as an event log."""
