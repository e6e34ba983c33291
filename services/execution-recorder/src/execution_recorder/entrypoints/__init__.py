"""Messages and HTTP requests in, answers out."""
