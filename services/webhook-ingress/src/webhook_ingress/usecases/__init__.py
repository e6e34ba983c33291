"""What the service does with a request, and with what has to be kept of it."""
