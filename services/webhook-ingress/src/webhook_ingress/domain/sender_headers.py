"""Which headers of a trigger's requests hold what verifies their sender.

A record of a request must not let anyone send it again, whatever the names of these headers sound like.
"""

from typing import Final

from trigger_contracts.config import AuthType, WebhookConfig
from webhook_ingress.domain.authentication import api_key_header
from webhook_ingress.domain.hmac_scheme import hmac_scheme_of
from webhook_ingress.domain.presets import PRESETS

_NONE: Final[frozenset[str]] = frozenset()


def credential_headers(config: WebhookConfig) -> frozenset[str]:
    """Return the headers, in lower case, that hold the secret itself where ``authType`` asks for it."""
    if config.provider is not None:
        return _NONE
    match config.auth_type:
        case AuthType.API_KEY:
            return frozenset({api_key_header(config).lower()})
        case AuthType.BEARER | AuthType.BASIC:
            return frozenset({"authorization"})
        case AuthType.NONE | AuthType.HMAC:
            return _NONE


def signature_headers(config: WebhookConfig) -> frozenset[str]:
    """Return the headers, in lower case, that the trigger's provider or options have signatures in.

    A provider that sends the secret itself in a header has that one here.
    """
    if config.provider is not None:
        preset = PRESETS.get(config.provider)
        return _NONE if preset is None else frozenset(preset.signature.headers)
    if config.auth_type is AuthType.HMAC:
        return frozenset(hmac_scheme_of(config).headers)
    return _NONE
