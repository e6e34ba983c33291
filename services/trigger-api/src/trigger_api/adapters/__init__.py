"""PostgreSQL and the bus."""
