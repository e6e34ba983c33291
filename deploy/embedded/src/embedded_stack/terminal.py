"""Talking to whoever started us, who may have gone away meanwhile."""

import os
import sys


def say(text: str) -> None:
    """Prints at once. When the terminal is gone or the pipe is closed, this and what follows go nowhere.

    The stack must live on then, and above all be able to stop in order.
    """
    try:
        print(text, flush=True)  # noqa: T201 - a command line talks
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
