"""Which headers of a trigger's requests hold what verifies their sender.

A record of a request must not let anyone send it again, whatever the names of these headers sound like.
"""

from typing import Final

from trigger_contracts.config import AuthType, WebhookConfig
from webhook_ingress.domain.hmac_scheme import SIGNATURE_HEADERS
from webhook_ingress.domain.presets import PRESETS

API_KEY_HEADER: Final = "X-API-Key"
_NONE: Final[frozenset[str]] = frozenset()


def api_key_header(config: WebhookConfig) -> str:
    """Return the header that holds the secret of a trigger with ``authType: api_key``."""
    return config.api_key_header or API_KEY_HEADER


def credential_headers(config: WebhookConfig) -> frozenset[str]:
    """Return the headers, in lower case, that hold a secret: the trigger's own, or a sender's.

    Asana's challenge is the key of all signatures that follow.
    """
    challenge = config.challenge.header if config.challenge is not None else None
    own = _own_credential_headers(config)
    return own if challenge is None else own | {challenge.lower()}


def _own_credential_headers(config: WebhookConfig) -> frozenset[str]:
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
        return frozenset({config.signature_header.lower()} if config.signature_header else SIGNATURE_HEADERS)
    return _NONE
