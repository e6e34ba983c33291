"""Secrets and verify tokens: what form they have, who issues them, and what is kept of them."""

import base64
import hashlib
import re
from functools import cache
from typing import Final

import msgspec

from trigger_contracts.config import AnyTriggerConfig, AuthType, WebhookConfig
from trigger_contracts.webhook_providers import PROVIDER_SECRETS, WebhookProvider
from trigger_validation import FieldError

SHORTEST_SECRET: Final = 16
"""Bytes of a secret where no provider says what its secrets are."""
VERIFY_TOKEN_PROVIDERS: Final = frozenset({WebhookProvider.META, WebhookProvider.WHATSAPP})
"""The providers whose handshake brings a token that the user has chosen."""

_SECRET: Final = re.compile(r"[\x21-\x7e]{16,256}", re.ASCII)
_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def needs_secret(config: AnyTriggerConfig) -> bool:
    """Tell whether the sender of a webhook has to know a secret."""
    if not isinstance(config, WebhookConfig):
        return False
    return config.provider is not None or config.auth_type is not AuthType.NONE


def secret_errors(
    config: AnyTriggerConfig, *, secret: str | None, before: AnyTriggerConfig | None
) -> list[FieldError]:
    """Return what is wrong with the secret that comes with a configuration, or with its absence.

    ``before`` is the configuration of the secret that is in force; ``None`` where there is none.
    """
    if not isinstance(config, WebhookConfig) or not needs_secret(config):
        return (
            [] if secret is None else [FieldError("/secret", "This trigger takes no secret. Leave it out.")]
        )
    rule = None if config.provider is None else PROVIDER_SECRETS[config.provider]
    if secret is None:
        if rule is None or rule.chosen_by_user or _keeps_secret(config, before=before):
            return []
        return [FieldError("/secret", f"{config.provider} issues the secret. Send {rule.what}.")]
    if rule is None:
        fits, what = _SECRET.fullmatch(secret), "16 to 256 visible ASCII characters"
    else:
        fits, what = re.fullmatch(rule.pattern, secret, re.ASCII), rule.what
    return [] if fits else [FieldError("/secret", f"Expected {what}.")]


def _keeps_secret(config: WebhookConfig, *, before: AnyTriggerConfig | None) -> bool:
    # What one provider takes for a secret another one does not, and who issues it differs.
    return isinstance(before, WebhookConfig) and needs_secret(before) and config.provider is before.provider


def generate_secret(config: AnyTriggerConfig, *, random: bytes) -> str:
    """Return 32 random bytes as a secret in the form that the sender takes."""
    # Standard Webhooks secrets are decoded from plain base64; others are used as they are written, and some
    # senders take only letters, digits, "-" and "_".
    if isinstance(config, WebhookConfig) and config.provider is WebhookProvider.STANDARD_WEBHOOKS:
        return f"whsec_{base64.b64encode(random).decode()}"
    return f"whsec_{base64.urlsafe_b64encode(random).decode().rstrip('=')}"


def is_usable(secret: bytes, *, provider: WebhookProvider | None) -> bool:
    """Tell whether a stored secret may verify requests: it is long enough, and of the provider's form."""
    if provider is None:
        return len(secret) >= SHORTEST_SECRET
    return _pattern(provider).fullmatch(secret) is not None


@cache
def _pattern(provider: WebhookProvider) -> re.Pattern[bytes]:
    return re.compile(PROVIDER_SECRETS[provider].pattern.encode())


def hash_of_token(token: str) -> str:
    """Return a verify token as it is kept: it is only compared, so no one needs it as it was."""
    return f"sha256:{hashlib.sha256(token.encode('utf-8', 'replace')).hexdigest()}"


def is_token_hash(text: str) -> bool:
    """Tell whether a verify token is kept as its hash."""
    return _HASH.fullmatch(text) is not None


def without_plain_token(config: AnyTriggerConfig) -> AnyTriggerConfig:
    """Return a configuration as it is kept: a verify token only as its hash, and a hash as it is."""
    if not isinstance(config, WebhookConfig) or config.verify_token is None:
        return config
    if is_token_hash(config.verify_token):
        return config
    return msgspec.structs.replace(config, verify_token=hash_of_token(config.verify_token))
