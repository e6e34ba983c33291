"""How long to wait before the next try."""

import random


def delay(attempt: int, *, first: float = 0.2, cap: float = 30.0) -> float:
    """Return seconds before try ``attempt + 1``: doubling, capped, with "equal jitter".

    The jitter keeps many clients of one recovering server from coming back in the same instant.
    """
    full = min(cap, first * 2.0 ** min(max(attempt, 1) - 1, 20))
    return full / 2 + random.uniform(0, full / 2)  # noqa: S311 - spreads load, protects nothing
