"""Keeps the history: every webhook request and every execution, and the API that reads it."""
