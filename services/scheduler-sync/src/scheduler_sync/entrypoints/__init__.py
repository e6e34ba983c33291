"""What wakes the service: messages, requests and the clock."""
