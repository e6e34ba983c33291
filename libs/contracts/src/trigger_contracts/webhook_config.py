"""What a webhook trigger takes, how it verifies its senders, and what it answers."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from trigger_contracts.codec import Part
from trigger_contracts.trigger_config import ConditionText, Filters, TriggerConfig
from trigger_contracts.webhook_providers import WebhookProvider

HeaderName = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+(?!\n)$",
        extra={"words": "Expected the name of a header. Example: X-Signature."},
    ),
]
"""A field name, RFC 9110, 5.6.2."""

HeaderValue = Annotated[
    str,
    Meta(
        max_length=1000,
        pattern=r"^[\x20-\x7e]*(?!\n)$",
        extra={"words": "Expected ASCII characters on one line. Example: no-cache."},
    ),
]


class HttpMethod(StrEnum):
    """The method that a webhook trigger takes."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class AuthType(StrEnum):
    """How a webhook's sender proves itself."""

    NONE = "none"
    API_KEY = "api_key"
    HMAC = "hmac"
    BEARER = "bearer"
    BASIC = "basic"


class ResponseFormat(StrEnum):
    """What a webhook's sender gets with the 202: the JSON object, or the text ``OK``."""

    JSON = "json"
    TEXT = "text"


class SignatureEncoding(StrEnum):
    """How a signature's bytes are written."""

    HEX = "hex"
    BASE64 = "base64"


class SignatureAlgorithm(StrEnum):
    """The hash under the HMAC. It is the configuration's choice, never the request's."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class TimestampFormat(StrEnum):
    """How a sender writes the time that it signs."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    RFC_3339 = "rfc3339"


class LabelSeparator(StrEnum):
    """What stands between the parts of a signature header with labels; spaces around it do not matter."""

    COMMA = ","
    SEMICOLON = ";"
    SPACE = " "


class OnDisabled(StrEnum):
    """What the sender of a paused trigger gets.

    Some providers stop using an address after enough refusals: ``ignore`` responds 200 and starts nothing.
    """

    REJECT = "reject"
    IGNORE = "ignore"


class MissingOrigin(StrEnum):
    """What a request without ``Origin`` gets where ``allowedOrigins`` is set: only browsers send one."""

    ALLOW = "allow"
    REJECT = "reject"


Label = Annotated[
    str,
    Meta(
        max_length=20,
        pattern=r"^[A-Za-z0-9_-]+(?!\n)$",
        extra={"words": "Expected a label of letters, digits, - and _. Example: v1."},
    ),
]


class SignatureLabels(Part, frozen=True, kw_only=True):
    """The labels in a signature header such as ``t=1700000000,v1=5257a869…``.

    Several parts with the signature's label are several signatures: one has to be right. Parts with other
    labels do not count.
    """

    signature: Label
    timestamp: Label | None = None
    """The label of the time, where the header holds it: it is ``{timestamp}`` then."""
    separator: LabelSeparator = LabelSeparator.COMMA


class OnUnreadableBody(StrEnum):
    """What happens to a request whose body is not what it claims to be, such as broken JSON."""

    ACCEPT = "accept"
    """The workflow gets it as text or base64, and ``bodyProblem`` says why."""
    REJECT = "reject"


class SignedBody(StrEnum):
    """What a signature covers where the body is compressed."""

    AS_SENT = "asSent"
    DECODED = "decoded"


class Probes(StrEnum):
    """What HEAD and GET get where they are not the trigger's method: monitors and providers ask so."""

    REJECT = "reject"
    RESPOND = "answer"
    """200; nothing starts."""


class ChallengeReply(StrEnum):
    """How a challenge goes back: in a JSON object, as plain text, or in a header."""

    JSON = "json"
    TEXT = "text"
    HEADER = "header"


class Challenge(Part, frozen=True, kw_only=True):
    """What a sender wants to get back before it sends anything: in a header, a query parameter or the body.

    One of the three is set. It counts only in a request with nothing else in its body, of any method.
    """

    header: HeaderName | None = None
    query: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    body: Annotated[str, Meta(min_length=1, max_length=500)] | None = None
    """A path of names into the JSON object: each object on it has only that name, ``type`` and ``token``."""
    reply: ChallengeReply = ChallengeReply.JSON
    reply_name: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    """Of the JSON member or the header; ``None`` is the name under which the challenge came."""


class IdempotencyKeySource(Part, frozen=True, kw_only=True):
    """Where a delivery's own id is: in a header, or at a path into the body. One of the two."""

    header: HeaderName | None = None
    body: Annotated[str, Meta(min_length=1, max_length=500)] | None = None


class RateLimit(Part, frozen=True, kw_only=True):
    """At most ``requests`` in ``perSeconds`` on average, with bursts of up to ``burst`` at once."""

    requests: Annotated[int, Meta(ge=1, le=1_000_000)]
    per_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 1
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """``None`` is ``requests``."""


class WebhookResponse(Part, frozen=True, kw_only=True):
    """What an accepted request is answered instead of the usual 202, or of the provider's acknowledgement."""

    status: Annotated[int, Meta(ge=200, le=299)] | msgspec.UnsetType = msgspec.UNSET
    """Left out, the usual status is sent: 202, or the one that the provider takes."""
    headers: Annotated[dict[HeaderName, HeaderValue], Meta(max_length=20)] = msgspec.field(
        default_factory=dict
    )
    body: Any = msgspec.UNSET
    """Text is sent as it is, anything else as JSON; left out, the usual body is sent."""


class WebhookConfig(TriggerConfig, tag="webhook", frozen=True, kw_only=True):
    """Fires on an HTTP request that passes the checks."""

    method: HttpMethod = HttpMethod.POST
    auth_type: AuthType = AuthType.NONE
    require_signature: bool = True
    """``hmac`` only: ``False`` lets an unsigned request through, never a wrongly signed one."""
    allowed_origins: Annotated[tuple[Annotated[str, Meta(max_length=300)], ...], Meta(max_length=100)] = ()
    """Empty allows all."""
    response_format: ResponseFormat = ResponseFormat.JSON
    provider: WebhookProvider | None = None
    """A preset: it says how requests are signed, instead of ``authType`` and the options below."""
    signature_header: HeaderName | None = None
    """``None`` is any of ``X-Signature``, ``X-Hub-Signature-256`` and ``X-Webhook-Signature``."""
    signature_prefix: (
        Annotated[
            str,
            Meta(
                max_length=50,
                pattern=r"^[\x21-\x7e]*(?!\n)$",
                extra={"words": "Expected ASCII characters without spaces. Example: sha256=."},
            ),
        ]
        | None
    ) = None
    """What stands before the signature; ``None`` is ``sha256=`` (the algorithm's name)."""
    signature_encoding: SignatureEncoding = SignatureEncoding.HEX
    algorithm: SignatureAlgorithm = SignatureAlgorithm.SHA256
    signed_content: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            pattern=r"^[\x20-\x7e]*(?!\n)$",
            extra={"words": "Expected ASCII characters on one line. Example: {timestamp}.{body}."},
        ),
    ] = "{body}"
    """What is signed: a template of ``{timestamp}``, ``{body}``, ``{url}`` and ``{id}``."""
    timestamp_header: HeaderName | None = None
    """Where ``{timestamp}`` is, written as ``timestampFormat`` says."""
    id_header: HeaderName | None = None
    """Where ``{id}`` is."""
    tolerance_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 300
    """How far the timestamp may be from now, either way."""
    verify_token: (
        Annotated[
            str,
            Meta(
                min_length=8,
                max_length=256,
                pattern=r"^[\x21-\x7e]+(?!\n)$",
                extra={"words": "Expected ASCII characters without spaces. Example: 8f3d-verify."},
            ),
        ]
        | None
    ) = None
    """What Meta's handshake has to bring. Kept as ``sha256:`` and the hash, never as it was given."""
    idempotency_key: IdempotencyKeySource | None = None
    signed_body: SignedBody = SignedBody.AS_SENT
    """``hmac`` only: ``decoded`` is for senders that sign what they then compress."""
    on_unreadable_body: OnUnreadableBody = OnUnreadableBody.ACCEPT
    json_fields: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=20)
    ] = ()
    """Fields of a form whose text is JSON, beside those that the provider is known for."""
    raw_body: bool = False
    """Whether the workflow also gets the exact bytes, as base64: ``trigger.payload.rawBody``."""
    allowed_ips: Annotated[tuple[Annotated[str, Meta(max_length=50)], ...], Meta(max_length=200)] = ()
    """Networks (CIDR) or addresses; empty allows all."""
    rate_limit: RateLimit | None = None
    on_disabled: OnDisabled = OnDisabled.REJECT
    missing_origin: MissingOrigin = MissingOrigin.ALLOW
    custom_headers: Annotated[dict[HeaderName, HeaderValue], Meta(max_length=20)] = msgspec.field(
        default_factory=dict
    )
    """Sent with every answer to an accepted request."""
    response: WebhookResponse | None = None
    timestamp_format: TimestampFormat = TimestampFormat.SECONDS
    """How the signed time is written: since 1970, or as RFC 3339 has it (``2026-11-23T12:00:00Z``)."""
    signature_labels: SignatureLabels | None = None
    """Where the signature header has labels, as in ``t=…,v1=…``; instead of ``signaturePrefix``."""
    api_key_header: HeaderName | None = None
    """``api_key`` only: the header that holds nothing but the secret; ``None`` is ``X-API-Key``."""
    visible_names: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...], Meta(max_length=50)
    ] = ()
    """Names of query parameters and headers whose values the webhook log shows, such as ``code``."""
    probes: Probes = Probes.REJECT
    challenge: Challenge | None = None
    filters: Filters = msgspec.field(default_factory=dict)
    """Path into the payload, such as ``body.ref`` or ``headers.x-github-event`` → the value that must stand
    there. What does not match starts nothing, and its sender is answered 200."""
    expression: ConditionText | None = None
    """A condition in CEL on ``payload``, such as ``payload.body.total > 100``; see ``libs/expressions``."""
