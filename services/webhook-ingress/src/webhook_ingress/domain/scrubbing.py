"""The trigger's own secrets, wherever a sender has put them by mistake.

Redaction goes by names; this goes by value. A sender that has the right secret in the wrong header, in
the address or in its user agent is refused, and its request recorded: the record must not hold it.
"""

import base64
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from webhook_ingress.domain.redaction import REDACTED
from webhook_ingress.domain.trigger import WebhookTrigger


class Scrubber:
    """Knows the forms in which a trigger's secrets can stand in a request."""

    def __init__(self, trigger: WebhookTrigger | None) -> None:
        secrets = [secret.value for secret in trigger.secrets] if trigger else []
        self._forms = frozenset(form for secret in secrets for form in _forms(secret))
        self._secrets = secrets

    def text(self, value: str) -> str:
        """Return the text without the secrets."""
        for form in self._forms:
            if form in value:
                value = value.replace(form, REDACTED)
        return value

    def fields(self, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Return header fields or query parameters without the secrets."""
        if not self._forms:
            return tuple(pairs)
        return tuple((self.text(name), self.text(value)) for name, value in pairs)

    def found_in(self, data: bytes) -> bool:
        """Tell whether a body holds one of the secrets."""
        return any(secret in data for secret in self._secrets)


def _forms(secret: bytes) -> Iterable[str]:
    text = secret.decode("utf-8", "surrogateescape")
    encoded = base64.b64encode(secret).decode()
    return {text, quote(secret, safe=""), quote(secret), quote_plus(secret), encoded, encoded.rstrip("=")}
