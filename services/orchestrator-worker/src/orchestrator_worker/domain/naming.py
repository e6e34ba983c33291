"""What Temporal's interface shows of a run, beside its id."""

from typing import Final

_SUMMARY_BYTES: Final = 200
"""Temporal refuses a start whose summary is over 400 bytes, its encoding included."""

_MESSAGE_LENGTH: Final = 2000


def summary(trigger_name: str) -> str:
    """Return a one-line summary that Temporal takes."""
    text = " ".join(trigger_name.split())
    return text.encode()[:_SUMMARY_BYTES].decode(errors="ignore")


def bounded(message: str) -> str:
    """Return an error's message in a length that every fact and every failure can hold."""
    return message if len(message) <= _MESSAGE_LENGTH else f"{message[: _MESSAGE_LENGTH - 1]}…"
