"""``signedContent``: a template of the bytes that a signature covers, such as ``{timestamp}.{body}``."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

PLACEHOLDERS: Final = ("timestamp", "body", "url", "id")

_PART: Final = re.compile(r"\{([^{}]*)\}|([^{}]+)")


class SignedContentError(ValueError):
    """The text is not such a template; the message is for the person who wrote it."""


class SignedContent:
    """A template, parsed once: when a trigger is saved to check it, when it is served to fill it."""

    __slots__ = ("_parts", "is_body_alone", "placeholders")

    def __init__(self, text: str) -> None:
        """Parse; ``SignedContentError`` for a single brace or an unknown placeholder."""
        parts: list[tuple[str, bytes]] = []
        position = 0
        while position < len(text):
            match = _PART.match(text, position)
            if match is None:
                raise SignedContentError("A brace has no partner. Example: {timestamp}.{body}")
            name, literal = match.groups()
            if name is not None and name not in PLACEHOLDERS:
                known = ", ".join(f"{{{placeholder}}}" for placeholder in PLACEHOLDERS)
                raise SignedContentError(f"{{{name}}} is not a placeholder. These are: {known}.")
            parts.append((name or "", (literal or "").encode()))
            position = match.end()
        self._parts = tuple(parts)
        self.placeholders = frozenset(name for name, _ in parts if name)
        self.is_body_alone = self._parts == (("body", b""),)

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Return the content; ``values`` has every name of ``placeholders``."""
        return b"".join([values[name] if name else literal for name, literal in self._parts])


@lru_cache(maxsize=1024)
def signed_content_of(text: str) -> SignedContent:
    """Return the template of a text, the same one for the same text; ``SignedContentError``."""
    return SignedContent(text)
