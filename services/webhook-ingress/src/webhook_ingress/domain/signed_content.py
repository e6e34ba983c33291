"""Templates of what is signed: ``{timestamp}.{body}`` and the like, over bytes."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

PLACEHOLDERS: Final = frozenset({"timestamp", "body", "url", "id"})

_PART: Final = re.compile(r"\{([a-z]+)\}|([^{}]+)", re.ASCII)


class TemplateError(ValueError):
    """The text is no template."""


class Template:
    """A parsed template; ``names`` are the placeholders in it."""

    __slots__ = ("_parts", "names")

    def __init__(self, text: str) -> None:
        """Parse; ``TemplateError`` for a stray brace or an unknown placeholder."""
        self._parts: list[tuple[str, bytes]] = []
        position = 0
        while position < len(text):
            found = _PART.match(text, position)
            if found is None:
                raise TemplateError("there is a brace without its other one")
            name, literal = found.groups()
            if name is not None and name not in PLACEHOLDERS:
                raise TemplateError("there is no such placeholder")
            self._parts.append((name or "", (literal or "").encode()))
            position = found.end()
        self.names = frozenset(name for name, _ in self._parts if name)

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Return the content; ``values`` has every name of ``names``."""
        return b"".join(values[name] if name else literal for name, literal in self._parts)


@lru_cache(maxsize=1024)
def template(text: str) -> Template:
    """Return the template, parsed once; ``TemplateError`` where it is none."""
    return Template(text)
