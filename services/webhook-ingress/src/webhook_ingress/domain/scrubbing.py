"""The trigger's own secrets, in any place where a sender has put them by mistake.

Redaction goes by name; this goes by value. A sender may have the right secret in the wrong header, in the
address or in the body. Its request is recorded, accepted or refused, and the record must not hold the secret.
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
    """Finds and removes a trigger's secrets, in each form in which a request can hold them."""

    def __init__(self, trigger: WebhookTrigger | None) -> None:
        self._secrets = [secret.value for secret in trigger.secrets] if trigger else []

    def text(self, value: str) -> str:
        """Return the text without the secrets."""
        for secret in self._secrets:
            if _may_hold(value, secret):
                value = _pattern(secret).sub(REDACTED, value)
        return value

    def is_free(self, value: str) -> bool:
        """Tell whether a text holds none of the secrets."""
        for secret in self._secrets:
            if _may_hold(value, secret) and _pattern(secret).search(value):
                return False
        return True

    def fields(self, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Return header fields or query parameters without the secrets."""
        return tuple([(self.text(name), self.text(value)) for name, value in pairs])

    def data(self, body: bytes) -> bytes:
        """Return a body without the secrets, the same one where it holds none as it is, in JSON or in base64.

        To look for them percent-encoded would cost every form of an accepted request.
        """
        for secret in self._secrets:
            for form in _forms_in_bytes(secret):  # as in _may_hold
                if form in body:
                    return self.text(body.decode("latin-1")).encode("latin-1")
        return body

    def contains_secret(self, data: bytes) -> bool:
        """Tell whether a body holds one of the secrets."""
        # Latin-1 maps every byte to one character, so that one pattern serves texts and bodies.
        return not self.is_free(data.decode("latin-1")) if self._secrets else False


def _may_hold(text: str, secret: bytes) -> bool:
    """Tell whether a text may hold a secret: percent-encoded only where there is a percent sign at all.

    To find a plain text is many times cheaper than to try the pattern at every character, and nearly no
    request holds any form of a secret.
    """
    if "%" in text:
        return True
    for form in _forms(secret):  # noqa: SIM110 - a generator costs as much as what it looks at
        if form in text:
            return True
    return False


@lru_cache(maxsize=4096)
def _forms(secret: bytes) -> tuple[str, ...]:
    """Return a secret as it is, in JSON, in a form, in base64."""
    text = secret.decode("latin-1")
    escaped = msgspec.json.encode(text).decode()[1:-1]
    encoded = base64.b64encode(secret).decode().rstrip("=")
    return tuple(dict.fromkeys((text, escaped, quote_plus(secret), encoded)))


@lru_cache(maxsize=4096)
def _forms_in_bytes(secret: bytes) -> tuple[bytes, ...]:
    return tuple([form.encode("latin-1") for form in _forms(secret)])


@lru_cache(maxsize=4096)
def _pattern(secret: bytes) -> re.Pattern[str]:
    """Return a pattern for a secret: as it is, percent-encoded, in JSON, in a form, in base64."""
    text = secret.decode("latin-1")
    percent = "".join(f"(?:{re.escape(char)}|(?i:%{ord(char):02x}))" for char in text)
    return re.compile("|".join([percent, *map(re.escape, _forms(secret))]))
