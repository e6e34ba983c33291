"""What the check of a sender sees of a request, before any secret is looked at.

A scheme reads the request and returns a ``SignatureCheck``: a function that tells whether a secret made the
signature (or is the credential that came), or the reason why there is nothing to check. Only
``authentication`` holds secrets.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from trigger_bodies import ReadBody, read_body
from trigger_contracts.deliveries import BodyReading, RejectionReason
from trigger_contracts.payloads import join_headers
from trigger_contracts.webhook_config import TimestampFormat
from webhook_ingress.domain.request import WebhookRequest
from webhook_ingress.domain.timestamps import seconds_of

_FORM: Final = "application/x-www-form-urlencoded"

SecretCheck = Callable[[bytes], bool]
"""Whether a secret made the signature. It compares in constant time."""
SignatureCheck = SecretCheck | RejectionReason


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request with the exact bytes of its body; ``tolerance`` is in seconds."""

    request: WebhookRequest
    body: bytes
    now: datetime
    tolerance: int
    public_url: str | None = None

    def __repr__(self) -> str:
        return f"SignedRequest(request={self.request!r})"

    def header(self, name: str) -> str | None:
        """Return the value of a header that was sent once; ``None`` for none and for several."""
        values = self.request.values(name)
        return values[0] if len(values) == 1 else None

    def has_form(self) -> bool:
        """Tell whether the body is labelled as a form, once."""
        label = self.header("content-type") or ""
        return label.partition(";")[0].strip().lower() == _FORM

    def read_body(self, reading: BodyReading) -> ReadBody:
        """Return the body as the workflow gets it."""
        headers = join_headers(self.request.headers.fields)
        return read_body(
            self.body,
            content_type=headers.get("content-type"),
            content_encoding=headers.get("content-encoding"),
            json_fields=reading.json_fields,
        )

    def is_timely(self, text: str | None, *, written: TimestampFormat = TimestampFormat.SECONDS) -> bool:
        """Tell whether a text is a time that is at most ``tolerance`` from now, before or after."""
        seconds = None if text is None else seconds_of(text, written=written)
        return seconds is not None and self.is_near(seconds)

    def is_near(self, seconds: float) -> bool:
        """Tell whether a time, in seconds since 1970, is at most ``tolerance`` from now, before or after."""
        return abs(self.now.timestamp() - seconds) <= self.tolerance

    @property
    def url(self) -> bytes:
        """The address that the sender called, as configured: the sender could write the request's own."""
        if self.public_url is None:
            raise ValueError("there is no public URL")
        return raw(self.public_url.rstrip("/") + self.request.target)


SignatureScheme = Callable[[SignedRequest], SignatureCheck]


def raw(text: str) -> bytes:
    """Return the bytes of a header or an address as they were on the wire."""
    return text.encode("utf-8", "surrogateescape")
