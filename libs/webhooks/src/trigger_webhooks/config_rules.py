"""What the options of a webhook trigger may be, each by itself and together.

trigger-api reports every error when a trigger is saved. webhook-ingress refuses the requests of a trigger
that breaks a served rule: an option without effect, be it an allow-list or a signature scheme, would let
requests in that the trigger's owner believes to be kept out.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from trigger_contracts.config import AuthType, WebhookConfig
from trigger_contracts.webhook_config import IdempotencyKeySource, SignatureLabels, WebhookResponse
from trigger_expressions import PAYLOAD, Expression, ExpressionError, filter_problems, paths_in, problems_of
from trigger_paths import PathError, parse_path, stored_path
from trigger_validation import FieldError, pointer_step
from trigger_webhooks.challenge_rules import challenge_errors, challenge_errors_between
from trigger_webhooks.networks import has_host_bits, parse_network
from trigger_webhooks.ordinary_headers import ORDINARY_HEADERS
from trigger_webhooks.response_headers import may_be_sent
from trigger_webhooks.secret import VERIFY_TOKEN_PROVIDERS
from trigger_webhooks.sensitive_names import Place, Sensitivity, sensitivity_of
from trigger_webhooks.signed_content import SignedContentError, signed_content_of

FieldRule = Callable[[Any], Iterable[FieldError]]
"""From the value of an option to its errors, with pointers from the option on."""

_DEFAULTS: Final = WebhookConfig()
_NAMES: Final = {field.encode_name: field.name for field in msgspec.structs.fields(WebhookConfig)}
_ENCODED: Final = {name: encoded for encoded, name in _NAMES.items()}
_HMAC_OPTIONS: Final = (
    "signature_header",
    "signature_prefix",
    "signature_encoding",
    "algorithm",
    "signed_content",
    "timestamp_header",
    "id_header",
    "timestamp_format",
    "signature_labels",
    "signed_body",
)
"""What ``authType: hmac`` leaves to the user, and a provider's preset fixes."""


def field_errors(name: str, value: Any) -> list[FieldError]:
    """Return what is wrong with the value of an option, with pointers from the option on."""
    rules = (_SERVED.get(name), _SPELLING.get(name))
    return [error for rule in rules if rule is not None for error in rule(value)]


def errors_between(config: WebhookConfig) -> Iterator[FieldError]:
    """Yield which options contradict or miss one another, with pointers from the configuration on."""
    if config.provider is not None:
        yield from _provider_errors(config)
    elif config.auth_type is not AuthType.HMAC:
        for name in _set_options(config, names=(*_HMAC_OPTIONS, "tolerance_seconds")):
            yield FieldError(f"/{_ENCODED[name]}", 'This applies only with "authType": "hmac".')
    else:
        yield from _hmac_errors(config)
    if config.api_key_header is not None and (
        config.provider is not None or config.auth_type is not AuthType.API_KEY
    ):
        yield FieldError("/apiKeyHeader", 'This applies only with "authType": "api_key".')
    yield from challenge_errors_between(config)
    if config.verify_token is not None and config.provider not in VERIFY_TOKEN_PROVIDERS:
        users = " and ".join(sorted(VERIFY_TOKEN_PROVIDERS))
        yield FieldError("/verifyToken", f"Only the providers {users} use this. Leave it out.")


def unserved_option(config: WebhookConfig) -> str | None:
    """Return the first option that breaks a served rule; ``None`` where all are right.

    It asks a part of what ``field_errors`` and ``errors_between`` ask: what can be saved breaks none of it.
    """
    for name, rule in _SERVED.items():
        value = getattr(config, name)
        # Asked of a hundred thousand triggers when a process starts, and most set nothing.
        if value != getattr(_DEFAULTS, name) and any(True for _ in rule(value)):
            return name
    for error in errors_between(config):
        return _NAMES[error.pointer.split("/")[1]]
    return None


def _set_options(config: WebhookConfig, *, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if getattr(config, name) != getattr(_DEFAULTS, name)]


def _provider_errors(config: WebhookConfig) -> Iterator[FieldError]:
    for name in _set_options(config, names=_HMAC_OPTIONS):
        yield FieldError(f"/{_ENCODED[name]}", f"The provider {config.provider} fixes this. Leave it out.")
    if config.auth_type not in {AuthType.NONE, AuthType.HMAC}:
        detail = f"The provider {config.provider} fixes how its requests are verified. Leave this out."
        yield FieldError("/authType", detail)


def _hmac_errors(config: WebhookConfig) -> Iterator[FieldError]:
    labels = config.signature_labels
    time_label = None if labels is None else labels.timestamp
    for placeholder, source, name in (
        ("{timestamp}", config.timestamp_header or time_label, "timestampHeader"),
        ("{id}", config.id_header, "idHeader"),
    ):
        if placeholder in config.signed_content and source is None:
            detail = f"signedContent has {placeholder}. Name the header that carries it."
            yield FieldError(f"/{name}", detail)
        if placeholder not in config.signed_content and source is not None:
            set_by = name if time_label is None or name == "idHeader" else "signatureLabels.timestamp"
            detail = f"{set_by} is set, but its value is not signed. Example: {placeholder}.{{body}}"
            yield FieldError("/signedContent", detail)
    if config.timestamp_header is None and time_label is None:
        for name in _set_options(config, names=("tolerance_seconds", "timestamp_format")):
            detail = "This applies only with a timestampHeader, or with a signatureLabels.timestamp."
            yield FieldError(f"/{_ENCODED[name]}", detail)
    if labels is not None:
        yield from _label_errors(config, labels=labels)


def _label_errors(config: WebhookConfig, *, labels: SignatureLabels) -> Iterator[FieldError]:
    if config.signature_header is None:
        yield FieldError("/signatureHeader", "Name the header that has the labels. Example: X-Signature")
    if config.signature_prefix is not None:
        detail = f"The label {labels.signature} stands before the signature. Leave this out."
        yield FieldError("/signaturePrefix", detail)
    if labels.timestamp is not None and config.timestamp_header is not None:
        detail = f"The label {labels.timestamp} holds the time. Leave one of the two out."
        yield FieldError("/timestampHeader", detail)
    if labels.timestamp == labels.signature:
        detail = "The signature has this label. Example: t for the time, v1 for the signature"
        yield FieldError("/signatureLabels/timestamp", detail)


def _key_header(name: str | None) -> Iterator[FieldError]:
    if name is not None and name.lower() in ORDINARY_HEADERS:
        yield FieldError("", "This header has a meaning of its own, and is on record. Example: X-Auth-Token")


def _signed_content(template: str) -> Iterator[FieldError]:
    try:
        placeholders = signed_content_of(template).placeholders
    except SignedContentError as error:
        yield FieldError("", str(error))
        return
    if "body" not in placeholders:
        yield FieldError("", "Add {body}: a signature that does not cover the body is right for any body.")


def _key_source(source: IdempotencyKeySource | None) -> Iterator[FieldError]:
    if source is None:
        return
    if (source.header is None) is (source.body is None):
        yield FieldError("", 'Expected either header or body. Example: {"header": "X-Delivery-Id"}')
    elif source.body is not None:
        yield from _path_errors(source.body, read=stored_path)


def _key_spelling(source: IdempotencyKeySource | None) -> Iterator[FieldError]:
    if source is not None and source.body is not None and not any(_key_source(source)):
        yield from _path_errors(source.body, read=parse_path)


def _path_errors(text: str, *, read: Callable[[str], object]) -> Iterator[FieldError]:
    try:
        read(text)
    except PathError as error:
        yield FieldError("/body", str(error))


def _filters(filters: Mapping[str, Any]) -> Iterator[FieldError]:
    impossible = dict(filter_problems(filters, subject=PAYLOAD))
    for text in filters:
        if reason := impossible.get(text) or _never_stored(parse_path(text)):
            yield FieldError(f"/{pointer_step(text)}", reason)


def _never_stored(path: Sequence[str]) -> str | None:
    place = {"headers": Place.HEADER, "query": Place.ADDRESS}.get(path[0]) if len(path) > 1 else None
    if place is None or sensitivity_of(path[1], place=place) is not Sensitivity.CREDENTIAL:
        return None
    return f"{path[1][:80]!r} is a credential, and no payload has it. Verify the sender with authType."


def _condition(text: str | None) -> Iterator[FieldError]:
    if text is not None:
        try:
            Expression(text, subject=PAYLOAD)
        except ExpressionError as error:
            yield FieldError("", f"This is not a condition: {error}.")


def _condition_spelling(text: str | None) -> Iterator[FieldError]:
    if text is not None and not any(True for _ in _condition(text)):
        for problem in problems_of(text, subject=PAYLOAD):
            yield FieldError("", f"This is not a condition: {problem}.")
        # has() may ask for one: a payload has its name, with [redacted].
        for reason in filter(None, map(_never_stored, paths_in(text, subject=PAYLOAD))):
            yield FieldError("", reason)


def _networks(networks: tuple[str, ...]) -> Iterator[FieldError]:
    for index, text in enumerate(networks):
        try:
            parse_network(text)
        except ValueError:
            yield FieldError(f"/{index}", "Not an address or a network. Examples: 192.0.2.7, 2001:db8::/32")


def _headers(headers: Mapping[str, str]) -> Iterator[FieldError]:
    for name, value in headers.items():
        if not may_be_sent(name, value=value):
            yield FieldError(f"/{pointer_step(name)}", "A trigger cannot set this header.")


def _response_headers(response: WebhookResponse | None) -> Iterator[FieldError]:
    for error in _headers(response.headers) if response is not None else ():
        yield FieldError(f"/headers{error.pointer}", error.detail)


def _response_body(response: WebhookResponse | None) -> Iterator[FieldError]:
    if response is not None and response.status in {204, 205} and response.body is not msgspec.UNSET:
        yield FieldError("/body", f"A response with status {response.status} has no body. Leave it out.")


def _network_spelling(networks: tuple[str, ...]) -> Iterator[FieldError]:
    for index, text in enumerate(networks):
        try:
            network = parse_network(text)
        except ValueError:
            continue
        if has_host_bits(text):
            yield FieldError(f"/{index}", f"This is an address in a network. The network is {network}.")


def _origins(origins: tuple[str, ...]) -> Iterator[FieldError]:
    for index, origin in enumerate(origins):
        if origin != "*" and not _is_origin(origin):
            detail = "Not an origin in lower case. Examples: https://app.example.com, http://localhost:3000"
            yield FieldError(f"/{index}", detail)


def _is_origin(text: str) -> bool:
    """Tell whether a text is a serialised origin (RFC 6454, 6.2) in lower case, or ``null``."""
    if text == "null":
        return True
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and f"{parts.scheme}://{parts.netloc}" == text == text.lower()
        and (port is None or port > 0)
        and re.fullmatch(r"[a-z0-9.:\[\]-]+", parts.netloc, re.ASCII) is not None
    )


_SERVED: Final[dict[str, FieldRule]] = {
    "signed_content": _signed_content,
    "idempotency_key": _key_source,
    "api_key_header": _key_header,
    "allowed_ips": _networks,
    "custom_headers": _headers,
    "response": _response_headers,
    "challenge": challenge_errors,
    "expression": _condition,
}
"""Asked when a trigger is saved and when it is served."""
_SPELLING: Final[dict[str, FieldRule]] = {
    "allowed_origins": _origins,
    "allowed_ips": _network_spelling,
    "response": _response_body,
    "idempotency_key": _key_spelling,
    "filters": _filters,
    "expression": _condition_spelling,
}
"""Asked only when a trigger is saved: how an option is written, where the door understands more than one way.

What earlier releases saved otherwise is still served.
"""
RULED_FIELDS: Final = frozenset(_SERVED) | frozenset(_SPELLING)
"""The fields of ``WebhookConfig`` that ``field_errors`` has a rule for."""
