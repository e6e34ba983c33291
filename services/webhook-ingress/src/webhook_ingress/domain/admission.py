"""Whether a request starts a workflow.

The order of the checks: the address is a trigger's, all its options can be enforced, it is enabled, the
caller's address is allowed, the provider's opening handshake, the trigger's challenge, a probe, the sender
is authentic, the provider's signed handshake, the method, the origin, the body, the idempotency key. The
caller's address comes before the checks that cost something. The rate limit comes after all of these
(``usecases``), so that only the trigger's own senders can use it up.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from trigger_bodies import DecodedTooLargeError, EncodingError, decoded
from trigger_contracts.config import AuthType, WebhookConfig
from trigger_contracts.deliveries import RejectionReason
from trigger_contracts.webhook_config import HttpMethod, OnDisabled, OnUnreadableBody, Probes, SignedBody
from trigger_webhooks import is_allowed
from webhook_ingress.domain import idempotency
from webhook_ingress.domain.authentication import Authentic, NotAuthentic, authenticate
from webhook_ingress.domain.challenge import ChallengeError, reply_to
from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.presets import Preset
from webhook_ingress.domain.request import Body, BodyProblem, WebhookRequest
from webhook_ingress.domain.signed_request import SignedRequest
from webhook_ingress.domain.trigger import DeletedTrigger, WebhookTrigger

_STATUS: Final = {
    RejectionReason.UNKNOWN_TRIGGER: 404,
    RejectionReason.TRIGGER_DISABLED: 403,
    RejectionReason.SIGNATURE_MISSING: 401,
    RejectionReason.SIGNATURE_INVALID: 401,
    RejectionReason.CREDENTIAL_MISSING: 401,
    RejectionReason.CREDENTIAL_INVALID: 401,
    RejectionReason.TIMESTAMP_INVALID: 401,
    # Our own problem: senders repeat a 503, but they stop using an address after enough 401s.
    RejectionReason.SECRET_UNAVAILABLE: 503,
    RejectionReason.NOT_SUPPORTED: 503,
    RejectionReason.IP_NOT_ALLOWED: 403,
    RejectionReason.METHOD_NOT_ALLOWED: 405,
    RejectionReason.ORIGIN_NOT_ALLOWED: 403,
    RejectionReason.BODY_TOO_LARGE: 413,
    RejectionReason.BODY_INCOMPLETE: 400,
    RejectionReason.MALFORMED_REQUEST: 400,
    RejectionReason.BODY_UNREADABLE: 400,
    RejectionReason.RATE_LIMITED: 429,
    RejectionReason.HANDSHAKE: 200,
    RejectionReason.PROBE: 200,
    RejectionReason.PATH_UNKNOWN: 404,
    RejectionReason.TRIGGER_DELETED: 404,
    RejectionReason.REPEATED: 202,
    RejectionReason.FILTERED: 200,
    RejectionReason.CONDITION_FAILED: 200,
}
BODY_NOT_READ: Final = frozenset(
    {
        RejectionReason.UNKNOWN_TRIGGER,
        RejectionReason.TRIGGER_DELETED,
        RejectionReason.PATH_UNKNOWN,
        RejectionReason.IP_NOT_ALLOWED,
    }
)
"""Refusals for which the body does not matter: it is neither read nor recorded."""
_IGNORED: Final = 200
_PROBES: Final = frozenset({HttpMethod.GET, HttpMethod.HEAD})
_MAX_DECODED_UNVERIFIED: Final = 4 * 1024 * 1024
"""Bytes that a body of a sender who is not verified yet may decompress to: some milliseconds."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """``secret_id`` is the secret that matched; ``idempotency_key`` is the sender's.

    ``acknowledgement`` is the provider's own where it takes no usual body.
    """

    secret_id: UUID | None
    idempotency_key: str | None
    acknowledgement: Reply | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """The reason, and the HTTP status of the response: 200 where a disabled trigger ignores requests.

    ``detail`` says the reason in words where they are not the usual ones.
    """

    reason: RejectionReason
    status: int
    detail: str | None = None


class HandshakeReplied(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's handshake: the reply, and the secret that matched where there was one."""

    reply: Reply
    secret_id: UUID | None = None


Verdict = Accepted | Rejected | HandshakeReplied


def rejected(reason: RejectionReason, *, detail: str | None = None) -> Rejected:
    """Return the refusal with its usual status."""
    return Rejected(reason=reason, status=_STATUS[reason], detail=detail)


def trigger_at(
    named: WebhookTrigger | DeletedTrigger | None, *, request: WebhookRequest
) -> WebhookTrigger | Rejected:
    """Return the trigger that takes a request, from the one that its address names."""
    if named is None:
        return rejected(RejectionReason.UNKNOWN_TRIGGER)
    if isinstance(named, DeletedTrigger):
        return rejected(RejectionReason.TRIGGER_DELETED)
    return rejected(RejectionReason.PATH_UNKNOWN) if request.is_nearby else named


def decide_before_body(
    trigger: WebhookTrigger, *, request: WebhookRequest, public_url: str | None = None
) -> Rejected | None:
    """Return the refusal of a request whose body does not have to be read, if it is such a request."""
    closed = _closed(trigger, request=request, public_url=public_url)
    return closed if closed is not None and closed.reason in BODY_NOT_READ else None


def decide_admission(
    trigger: WebhookTrigger,
    *,
    request: WebhookRequest,
    body: Body,
    now: datetime,
    public_url: str | None = None,
) -> Verdict:
    """Return the verdict; ``public_url`` is the address of this service on the internet, if it is configured.

    A body that could not be read is refused where it is first needed: for a signature, or after all other
    checks.
    """
    config = trigger.config
    if (closed := _closed(trigger, request=request, public_url=public_url)) is not None:
        return closed
    if isinstance(body, BodyProblem) and _needs_body(config):
        return _unreadable(body)
    signed = SignedRequest(
        request=request,
        body=b"" if isinstance(body, BodyProblem) else body,
        now=now,
        tolerance=trigger.rules.tolerance,
        public_url=public_url,
    )
    if trigger.rules.may_be_opening:
        opened = _opening(trigger, signed=signed, has_body=not isinstance(body, BodyProblem))
        if opened is not None:
            return opened
    covered = signed if config.signed_body is SignedBody.AS_SENT else _covered(signed)
    if isinstance(covered, Rejected):
        return covered
    sender = authenticate(trigger, signed=covered)
    if isinstance(sender, NotAuthentic):
        return rejected(sender.reason, detail=sender.detail)
    if (preset := trigger.rules.preset) is not None:
        replied = _signed_handshake(trigger, preset=preset, signed=signed, sender=sender)
        if replied is not None:
            return replied
    return _admitted(trigger, signed=signed, body=body, sender=sender)


def _closed(trigger: WebhookTrigger, *, request: WebhookRequest, public_url: str | None) -> Rejected | None:
    config = trigger.config
    if trigger.rules.unsupported_option(public_url=public_url) is not None:
        return rejected(RejectionReason.NOT_SUPPORTED)
    if not trigger.enabled:
        if config.on_disabled is OnDisabled.IGNORE:
            return Rejected(reason=RejectionReason.TRIGGER_DISABLED, status=_IGNORED)
        return rejected(RejectionReason.TRIGGER_DISABLED)
    if not is_allowed(request.client_address, networks=trigger.rules.networks):
        return rejected(RejectionReason.IP_NOT_ALLOWED)
    return None


def _covered(signed: SignedRequest) -> SignedRequest | Rejected:
    """Return the request with its content as the body, for a signature that covers that."""
    encoding = ", ".join(signed.request.values("content-encoding"))
    try:
        body = decoded(signed.body, content_encoding=encoding, max_bytes=_MAX_DECODED_UNVERIFIED)
    except (EncodingError, DecodedTooLargeError):
        return rejected(RejectionReason.BODY_UNREADABLE)
    return msgspec.structs.replace(signed, body=body)


def _needs_body(config: WebhookConfig) -> bool:
    return config.provider is not None or config.auth_type is AuthType.HMAC


def _opening(
    trigger: WebhookTrigger, *, signed: SignedRequest, has_body: bool
) -> HandshakeReplied | Rejected | None:
    """Return what a caller gets who asks before it proves anything: a handshake, a challenge, a probe."""
    config, preset = trigger.config, trigger.rules.preset
    if preset is not None and preset.opening is not None:
        match preset.opening(signed, config.verify_token):
            case Reply() as reply:
                return HandshakeReplied(reply=reply)
            case RejectionReason() as reason:
                return rejected(reason)
            case None:
                pass
    if config.challenge is not None and has_body:
        try:
            reply_or_none = reply_to(config.challenge, signed=signed)
        except ChallengeError as error:
            return rejected(RejectionReason.MALFORMED_REQUEST, detail=str(error))
        if reply_or_none is not None:
            return HandshakeReplied(reply=reply_or_none)
    method = signed.request.method
    # What brings a body is a delivery, and its sender must not take it for one that started something.
    is_probe = method in _PROBES and method != config.method and has_body and not signed.body
    if config.probes is Probes.RESPOND and is_probe:
        return rejected(RejectionReason.PROBE)
    return None


def _signed_handshake(
    trigger: WebhookTrigger, *, preset: Preset, signed: SignedRequest, sender: Authentic
) -> HandshakeReplied | None:
    secret = trigger.secret(sender.secret_id)
    if preset.signed_handshake is None or secret is None:
        return None
    reply = preset.signed_handshake(signed, secret.value)
    return None if reply is None else HandshakeReplied(reply=reply, secret_id=secret.id)


def _admitted(
    trigger: WebhookTrigger, *, signed: SignedRequest, body: Body, sender: Authentic
) -> Accepted | Rejected:
    request, rules = signed.request, trigger.rules
    # A HEAD is never a GET here: link previews and monitors must not start runs.
    if request.method != trigger.config.method:
        return rejected(RejectionReason.METHOD_NOT_ALLOWED)
    if not rules.origins.admit(request.values("origin")):
        return rejected(RejectionReason.ORIGIN_NOT_ALLOWED)
    if isinstance(body, BodyProblem):
        return _unreadable(body)
    takes_any = trigger.config.on_unreadable_body is OnUnreadableBody.ACCEPT
    if not takes_any and signed.read_body(rules.reading).problem is not None:
        return rejected(RejectionReason.BODY_UNREADABLE)
    key = idempotency.key_of(signed, delivery_id=rules.delivery_id, reading=rules.reading)
    if isinstance(key, RejectionReason):
        return rejected(key)
    preset = rules.preset
    return Accepted(
        secret_id=sender.secret_id,
        idempotency_key=key,
        acknowledgement=None if preset is None else preset.acknowledgement.reply_to(signed),
    )


def _unreadable(problem: BodyProblem) -> Rejected:
    match problem:
        case BodyProblem.TOO_LARGE:
            return rejected(RejectionReason.BODY_TOO_LARGE)
        case BodyProblem.INCOMPLETE:
            return rejected(RejectionReason.BODY_INCOMPLETE)
        case BodyProblem.TOO_SLOW:
            return Rejected(reason=RejectionReason.BODY_INCOMPLETE, status=408)
