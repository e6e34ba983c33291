"""Messages and HTTP requests in, responses out."""
