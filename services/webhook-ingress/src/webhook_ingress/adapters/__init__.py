"""The bus, as this service reads and writes it."""
