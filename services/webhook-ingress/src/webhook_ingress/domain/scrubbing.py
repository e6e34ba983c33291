"""The trigger's own secrets, wherever a sender has put them by mistake.

Redaction goes by names; this goes by value. A sender that has the right secret in the wrong header, in
the address or in its body is refused, and its request recorded: the record must not hold it.
"""

import base64
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote_plus

import msgspec

from webhook_ingress.domain.redaction import REDACTED
from webhook_ingress.domain.trigger import WebhookTrigger


class Scrubber:
    """Knows the forms in which a trigger's secrets can stand in a request."""

    def __init__(self, trigger: WebhookTrigger | None) -> None:
        self._patterns = [_pattern(secret.value) for secret in trigger.secrets] if trigger else []

    def text(self, value: str) -> str:
        """Return the text without the secrets."""
        for pattern in self._patterns:
            value = pattern.sub(REDACTED, value)
        return value

    def fields(self, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Return header fields or query parameters without the secrets."""
        if not self._patterns:
            return tuple(pairs)
        return tuple((self.text(name), self.text(value)) for name, value in pairs)

    def data(self, body: bytes) -> bytes:
        """Return a body without the secrets."""
        return self.text(body.decode("latin-1")).encode("latin-1")

    def found_in(self, data: bytes) -> bool:
        """Tell whether a body holds one of the secrets."""
        # Latin-1 maps every byte to one character, so that one pattern serves texts and bodies.
        text = data.decode("latin-1") if self._patterns else ""
        return any(pattern.search(text) for pattern in self._patterns)


@lru_cache(maxsize=4096)
def _pattern(secret: bytes) -> re.Pattern[str]:
    """Return what finds a secret: as it is, percent-encoded, in JSON, in a form, in base64."""
    text = secret.decode("latin-1")
    percent = "".join(f"(?:{re.escape(char)}|(?i:%{ord(char):02x}))" for char in text)
    escaped = msgspec.json.encode(text).decode()[1:-1]
    encoded = base64.b64encode(secret).decode().rstrip("=")
    return re.compile("|".join([percent, *map(re.escape, (escaped, quote_plus(secret), encoded))]))
