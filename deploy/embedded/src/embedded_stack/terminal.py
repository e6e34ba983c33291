"""Output for the caller's terminal, which may be closed meanwhile."""

import os
import sys


def say(text: str) -> None:
    """Prints at once. When the terminal is gone or the pipe is closed, this and what follows go nowhere.

    The stack must go on then, and above all be able to stop in order.
    """
    try:
        print(text, flush=True)  # noqa: T201 - a command line talks
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
