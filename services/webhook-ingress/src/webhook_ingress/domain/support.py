"""What a trigger may ask of this release: an option that is not enforced here refuses its requests.

Nothing fails open. An option that were overlooked, be it an allow-list or a signature scheme, would let
requests in that its owner believes to be kept out. So is one that contradicts another: ``signatureHeader``
without ``authType: hmac`` would verify nothing.
"""

from typing import Final

import msgspec

from trigger_contracts.config import AuthType, WebhookConfig
from trigger_webhooks import may_be_sent
from webhook_ingress.domain import addresses
from webhook_ingress.domain.handshake import VERIFY_TOKEN
from webhook_ingress.domain.json_body import is_path
from webhook_ingress.domain.presets import PRESETS, Url
from webhook_ingress.domain.signed_content import TemplateError, template
from webhook_ingress.domain.trigger import WebhookTrigger

ENFORCED: Final = frozenset(
    {
        "method",
        "auth_type",
        "require_signature",
        "allowed_origins",
        "response_format",
        "provider",
        "signature_header",
        "signature_prefix",
        "signature_encoding",
        "algorithm",
        "signed_content",
        "timestamp_header",
        "id_header",
        "tolerance_seconds",
        "verify_token",
        "idempotency_key",
        "allowed_ips",
        "rate_limit",
        "on_disabled",
        "missing_origin",
        "custom_headers",
        "response",
    }
)
"""The fields of ``WebhookConfig`` that this service acts on. Every other one has to have its default."""


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


_DEFAULTS: Final = {field.name: _default(field) for field in msgspec.structs.fields(WebhookConfig)}
_UNENFORCED: Final = tuple(name for name in _DEFAULTS if name not in ENFORCED)
_OF_HMAC: Final = (
    "signature_header",
    "signature_prefix",
    "signature_encoding",
    "algorithm",
    "signed_content",
    "timestamp_header",
    "id_header",
)


def unsupported_option(config: WebhookConfig, *, public_url: str | None = None) -> str | None:
    """Return the option that this release cannot enforce, ``None`` where it can do all that is asked."""
    if (unenforced := _first_set(config, names=_UNENFORCED)) is not None:
        return unenforced
    return _gap_in(config, public_url=public_url)


def unsupported_option_of(trigger: WebhookTrigger, *, public_url: str | None) -> str | None:
    """Return ``unsupported_option`` of a trigger's options: looked for once, and asked at every request."""
    known = trigger.gaps
    if known is None:
        known = {}
        msgspec.structs.force_setattr(trigger, "gaps", known)
    if public_url not in known:
        known[public_url] = unsupported_option(trigger.config, public_url=public_url)
    return known[public_url]


def _gap_in(config: WebhookConfig, *, public_url: str | None) -> str | None:
    of_proof = _of_hmac if config.provider is None else _of_provider
    return of_proof(config, public_url=public_url) or _of_door(config) or _of_answer(config)


def _first_set(config: WebhookConfig, *, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if getattr(config, name) != _DEFAULTS[name]), None)


def _of_hmac(config: WebhookConfig, *, public_url: str | None) -> str | None:
    if config.verify_token is not None:
        return "verify_token"
    if config.auth_type is not AuthType.HMAC:
        return _first_set(config, names=(*_OF_HMAC, "tolerance_seconds"))
    try:
        names = template(config.signed_content).names
    except TemplateError:
        return "signed_content"
    # A signature that does not cover the body proves nothing about it.
    if "body" not in names or ("url" in names and public_url is None):
        return "signed_content"
    if ("timestamp" in names) is not (config.timestamp_header is not None):
        return "timestamp_header"
    if ("id" in names) is not (config.id_header is not None):
        return "id_header"
    if config.timestamp_header is None and config.tolerance_seconds != _DEFAULTS["tolerance_seconds"]:
        return "tolerance_seconds"
    return None


def _of_provider(config: WebhookConfig, *, public_url: str | None) -> str | None:
    preset = PRESETS.get(config.provider) if config.provider is not None else None
    if preset is None or (preset.url is Url.SIGNED and public_url is None):
        return "provider"
    if config.auth_type not in {AuthType.NONE, AuthType.HMAC}:
        return "auth_type"
    if config.verify_token is not None and not (
        preset.takes_verify_token and _is_hashed(config.verify_token)
    ):
        return "verify_token"
    return _first_set(config, names=_OF_HMAC)


def _is_hashed(verify_token: str) -> bool:
    return VERIFY_TOKEN.fullmatch(verify_token) is not None


def _of_door(config: WebhookConfig) -> str | None:
    key = config.idempotency_key
    if key is not None and (key.header is None) is (key.body is None):
        return "idempotency_key"
    if key is not None and key.body is not None and not is_path(key.body):
        return "idempotency_key"
    try:
        addresses.networks(config.allowed_ips)
    except ValueError:
        return "allowed_ips"
    return None


def _of_answer(config: WebhookConfig) -> str | None:
    if not all(may_be_sent(name, value=value) for name, value in config.custom_headers.items()):
        return "custom_headers"
    own = {} if config.response is None else config.response.headers
    if not all(may_be_sent(name, value=value) for name, value in own.items()):
        return "response"
    return None
