"""scheduler-sync: makes Temporal's schedules equal to the configuration."""
