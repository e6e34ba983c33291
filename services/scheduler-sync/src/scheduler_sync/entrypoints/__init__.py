"""What wakes the service: messages and the clock."""
