"""How the sender of a request is verified.

A scheme reads the request and returns a ``SignatureCheck``: a check that a secret passes or fails, or the
reason why there is nothing to check. Only ``verify`` touches secrets.
"""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from trigger_contracts.deliveries import RejectionReason
from webhook_ingress.domain.request import WebhookRequest
from webhook_ingress.domain.trigger import OpenedSecret, WebhookTrigger

Check = Callable[[bytes], bool]
"""Whether a secret made the proof. It compares in constant time."""
SignatureCheck = Check | RejectionReason


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a scheme sees it: the exact bytes; ``tolerance`` in seconds."""

    request: WebhookRequest
    body: bytes
    now: datetime
    tolerance: int
    public_url: str | None = None

    def __repr__(self) -> str:
        return f"SignedRequest(request={self.request!r})"

    def one(self, name: str) -> str | None:
        """Return a header that stands there once; ``None`` for none and for several."""
        values = self.request.values(name)
        return values[0] if len(values) == 1 else None

    @property
    def url(self) -> bytes:
        """The address that the sender called: the configured one, for the request's own is anyone's claim."""
        if self.public_url is None:
            raise ValueError("there is no public URL")
        return raw(self.public_url.rstrip("/") + self.request.target)


SignatureScheme = Callable[[SignedRequest], SignatureCheck]


class Authentic(msgspec.Struct, frozen=True, kw_only=True):
    """``secret_id`` is the secret that matched; ``None`` where none was needed."""

    secret_id: UUID | None = None


class NotAuthentic(msgspec.Struct, frozen=True, kw_only=True):
    """Why the sender is not believed."""

    reason: RejectionReason


def verify(
    trigger: WebhookTrigger, *, check: SignatureCheck, now: datetime, otherwise: RejectionReason
) -> Authentic | NotAuthentic:
    """Try the trigger's secrets; ``otherwise`` is why the sender is refused when none of them fits."""
    if isinstance(check, RejectionReason):
        return NotAuthentic(reason=check)
    usable: tuple[OpenedSecret, ...] = trigger.usable_secrets(now)
    for secret in usable:
        if secret.value and check(secret.value):
            return Authentic(secret_id=secret.id)
    # Blame the sender only where every secret could be looked at.
    if trigger.unopened or not usable:
        return NotAuthentic(reason=RejectionReason.SECRET_UNAVAILABLE)
    return NotAuthentic(reason=otherwise)


def raw(text: str) -> bytes:
    """Return the bytes of a header or an address as they were on the wire."""
    return text.encode("utf-8", "surrogateescape")
