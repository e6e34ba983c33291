"""Text that PostgreSQL can hold: the one place where what it cannot is replaced."""

import re
from typing import Final

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Return the text with U+FFFD for what a ``text`` column refuses: NUL, and lone surrogates.

    What must be exact is kept in ``bytea`` and ``json`` columns instead.
    """
    return _UNSTORABLE.sub("\ufffd", text)
