"""The label of a body: ``Content-Type`` (RFC 9110, 8.3)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PARAMETER: Final = re.compile(
    # Only the first of many spaces begins a match: each of them would cost as many steps as there are.
    r'(?:;|(?<!\s)\s)\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))'
)
_NEXT_LABEL: Final = re.compile(r",\s*(?=[\w.+-]+/[\w.+-]+)")
_ESCAPED: Final = re.compile(r"\\(.)")
_BINARY: Final = ("image/", "audio/", "video/", "font/")
_JSON_LINES: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-seq"}
)
_BINARY_TYPES: Final = frozenset({"application/pdf", "application/zip", "application/gzip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaType:
    """``name`` is in lower case, and empty where there is no label; so are the names of parameters."""

    name: str
    parameters: Mapping[str, str]

    @property
    def charset(self) -> str | None:
        """The declared charset, as it is written."""
        return self.parameters.get("charset") or None

    @property
    def is_json(self) -> bool:
        """Whether the label says JSON: ``application/json``, ``text/json``, ``application/vnd.x+json``."""
        return self.name.endswith(("/json", "+json", "/x-json"))

    @property
    def is_json_lines(self) -> bool:
        """Whether the label says one JSON value a line: that is text, whether it has one line or more."""
        return self.name in _JSON_LINES

    @property
    def is_form(self) -> bool:
        """Whether the label says what browsers send from a form without files."""
        return self.name == "application/x-www-form-urlencoded"

    @property
    def is_multipart_form(self) -> bool:
        """Whether the label says what browsers send from a form with files."""
        return self.name == "multipart/form-data"

    @property
    def is_text(self) -> bool:
        """Whether the label says text of some kind."""
        return (
            self.name.startswith("text/")
            or self.name.endswith(("+xml", "/xml"))
            or self.is_json
            or self.is_json_lines
        )

    @property
    def is_no_text(self) -> bool:
        """Whether there is a label, and it says anything but text."""
        return bool(self.name) and not self.is_text

    @property
    def is_binary(self) -> bool:
        """Whether the label says what no text is."""
        return self.name.startswith(_BINARY) or self.name in _BINARY_TYPES


def media_type_of(content_type: str | None) -> MediaType:
    """Read the header field; of a parameter that is repeated the first counts.

    Of several labels the last one counts, with what others of the same name add (Fetch standard, "extract a
    MIME type"). A space may stand for the semicolon, and quotes around the name are passed over.
    """
    labels = [(_name(label), label) for label in _NEXT_LABEL.split(content_type or "")]
    name, last = labels[-1]
    parameters: dict[str, str] = {}
    for label in (last, *(label for other, label in labels[:-1] if other == name)):
        for match in _PARAMETER.finditer(label):
            key, quoted, plain = match.groups()
            value = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
            parameters.setdefault(key.lower(), value)
    return MediaType(name=name, parameters=parameters)


def _name(label: str) -> str:
    words = label.partition(";")[0].split()
    return words[0].strip("\"',").lower() if words else ""
