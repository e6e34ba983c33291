"""What the options of a trigger come to for its requests.

Nothing fails open: an option that this release does not enforce, or that contradicts another one, refuses
every request. ``trigger_webhooks`` has the rules, which trigger-api asks when a trigger is saved.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec

from trigger_contracts.config import AuthType, WebhookConfig
from trigger_contracts.deliveries import BodyReading
from trigger_contracts.webhook_config import Probes
from trigger_paths import stored_path
from trigger_webhooks import Network, is_token_hash, parse_network, unserved_option
from webhook_ingress.domain.hmac_scheme import hmac_scheme_of
from webhook_ingress.domain.presets import PRESETS, DeliveryId, Preset, Redelivery, Url
from webhook_ingress.domain.sender import ALL_ORIGINS, AllowedOrigins
from webhook_ingress.domain.sender_headers import credential_headers, signature_headers
from webhook_ingress.domain.signed_request import SignatureScheme, SignedRequest

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
        "signed_body",
        "on_unreadable_body",
        "json_fields",
        "raw_body",
        "allowed_ips",
        "rate_limit",
        "on_disabled",
        "missing_origin",
        "custom_headers",
        "response",
        "timestamp_format",
        "signature_labels",
        "api_key_header",
        "visible_names",
        "probes",
        "challenge",
        "filters",
        "expression",
    }
)
"""The fields of ``WebhookConfig`` that this service acts on. Every other one has to have its default."""

_DEFAULTS: Final = WebhookConfig()
_UNENFORCED: Final = tuple(
    field.name for field in msgspec.structs.fields(WebhookConfig) if field.name not in ENFORCED
)


class RequestRules(msgspec.Struct, frozen=True, kw_only=True):
    """Worked out once for all requests of a trigger. ``tolerance`` is in seconds."""

    unserved_option: str | None = None
    """The option because of which every request is refused; the other fields then say nothing."""
    url_option: str | None = None
    """The option that signs the address, so that the public one has to be configured."""
    preset: Preset | None = None
    scheme: SignatureScheme | None = None
    """``None`` where requests are not signed: the trigger's ``authType`` says how they are verified."""
    time_problem: Callable[[SignedRequest], str | None] | None = None
    """Says in words that a time is not written in the format that the trigger's options name."""
    tolerance: int = _DEFAULTS.tolerance_seconds
    may_be_opening: bool = False
    """Whether a request that proves nothing may get a reply: a handshake, a challenge, a probe."""
    networks: tuple[Network, ...] = ()
    origins: AllowedOrigins = ALL_ORIGINS
    reading: BodyReading = BodyReading()
    """How the body of a request is to be read."""
    secret_headers: frozenset[str] = frozenset()
    """The headers, in lower case, that verify a sender: no record holds their values."""
    delivery_id: DeliveryId | None = None
    """What makes a repeated request the same execution, before ``Idempotency-Key``."""

    def unsupported_option(self, *, public_url: str | None) -> str | None:
        """Return the option that cannot be enforced; ``public_url`` is where the world sees this service."""
        return self.unserved_option or (self.url_option if public_url is None else None)


def request_rules(config: WebhookConfig) -> RequestRules:
    """Work the options out."""
    preset = None if config.provider is None else PRESETS.get(config.provider)
    secret_headers = signature_headers(config) | credential_headers(config)
    unserved = _unserved_option(config, preset=preset)
    if unserved is not None:
        return RequestRules(unserved_option=unserved, secret_headers=secret_headers)
    time_problem: Callable[[SignedRequest], str | None] | None = None
    if preset is not None:
        scheme: SignatureScheme | None = preset.scheme
        url_option = "provider" if preset.url is Url.SIGNED else None
    elif config.auth_type is AuthType.HMAC:
        generic = hmac_scheme_of(config)
        scheme, time_problem = generic.signature_check, generic.time_problem
        url_option = "signed_content" if "url" in generic.content.placeholders else None
    else:
        scheme, url_option = None, None
    rules = RequestRules(
        secret_headers=secret_headers,
        url_option=url_option,
        preset=preset,
        scheme=scheme,
        time_problem=time_problem,
        tolerance=_tolerance(config, preset=preset),
        may_be_opening=(preset is not None and preset.opening is not None)
        or config.challenge is not None
        or config.probes is not Probes.REJECT,
        networks=tuple([parse_network(text) for text in config.allowed_ips]),
        origins=AllowedOrigins(config.allowed_origins, missing=config.missing_origin)
        if config.allowed_origins
        else ALL_ORIGINS,
        reading=_reading(config, preset=preset),
        delivery_id=_delivery_id(config, preset=preset),
    )
    return _shared(rules)


@lru_cache(maxsize=1024)
def _shared(rules: RequestRules) -> RequestRules:
    """Return the first of equal rules: most triggers have the same options as others."""
    return rules


def _unserved_option(config: WebhookConfig, *, preset: Preset | None) -> str | None:
    for name in _UNENFORCED:
        if getattr(config, name) != getattr(_DEFAULTS, name):
            return name
    if config.provider is not None and preset is None:
        return "provider"
    if config.verify_token is not None and not is_token_hash(config.verify_token):
        return "verify_token"
    return unserved_option(config)


def _tolerance(config: WebhookConfig, *, preset: Preset | None) -> int:
    if preset is not None and config.tolerance_seconds == _DEFAULTS.tolerance_seconds:
        return preset.tolerance
    return config.tolerance_seconds


def _reading(config: WebhookConfig, *, preset: Preset | None) -> BodyReading:
    names = (*(preset.json_fields if preset is not None else ()), *config.json_fields)
    return BodyReading(json_fields=tuple(dict.fromkeys(names)), raw_body=config.raw_body)


def _delivery_id(config: WebhookConfig, *, preset: Preset | None) -> DeliveryId | None:
    if (own := config.idempotency_key) is not None:
        header = own.header.lower() if own.header else None
        return DeliveryId(header=header, body=stored_path(own.body) if own.body else None)
    if preset is None or preset.delivery_id is None:
        return None
    return preset.delivery_id if preset.delivery_id.redelivery is Redelivery.SAME_EXECUTION else None
