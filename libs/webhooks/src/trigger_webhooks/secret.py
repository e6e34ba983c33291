"""Secrets and verify tokens: what form they have, who issues them, and what is kept of them."""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

import msgspec

from trigger_contracts.config import AnyTriggerConfig, AuthType, WebhookConfig
from trigger_contracts.webhook_providers import PROVIDER_SECRETS, WebhookProvider
from trigger_validation import FieldError
from trigger_webhooks.verification_keys import decoded, is_ed25519_key, is_p256_key

SHORTEST_SECRET: Final = 16
"""Bytes of a secret where no provider says what its secrets are."""
VERIFY_TOKEN_PROVIDERS: Final = frozenset({WebhookProvider.META, WebhookProvider.WHATSAPP})
"""The providers whose handshake brings a token that the user has chosen."""

_EXAMPLE: Final = "4c1f0d9b7a62e853"
_LONGEST_SECRET: Final = 256
_HEX_KEY: Final = re.compile(rb"[0-9A-Fa-f]{64}")
_SIGNING_TOKEN: Final = re.compile(r"whsec_[A-Za-z0-9+/]{43}=", re.ASCII)
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
    return [FieldError("/secret", detail) for detail in _text_problems(secret, config=config)]


def secret_warnings(config: AnyTriggerConfig, *, secret: str | None) -> list[FieldError]:
    """Return what looks odd about a secret that is taken all the same."""
    if secret is None or not isinstance(config, WebhookConfig) or not needs_secret(config):
        return []
    odd = []
    rule = None if config.provider is None else PROVIDER_SECRETS[config.provider]
    if rule is not None and not re.fullmatch(rule.pattern, secret, re.ASCII):
        odd.append(f"This does not look like {rule.what}.")
    if secret != secret.strip():
        odd.append("It begins or ends with a space.")
    if not secret.isascii():
        odd.append("It is not ASCII: the sender has to write it in UTF-8.")
    is_token = config.provider is WebhookProvider.GITLAB and secret.startswith("whsec_")
    if is_token and not _SIGNING_TOKEN.fullmatch(secret):
        odd.append("It is used as a secret token: a signing token is whsec_ and 32 bytes in base64.")
    return [FieldError("/secret", detail) for detail in odd]


def _text_problems(secret: str, *, config: WebhookConfig) -> Iterator[str]:
    """Yield why a text can verify nothing, or should not."""
    if not SHORTEST_SECRET <= len(secret) <= _LONGEST_SECRET:
        yield f"Expected 16 to 256 characters: a shorter secret can be guessed. Example: {_EXAMPLE}"
    elif any(unicodedata.category(char) in {"Cc", "Cs"} for char in secret):
        yield f"There is a line break or control character in it. Send it without. Example: {_EXAMPLE}"
    elif _is_sent_in_header(config) and secret != secret.strip():
        yield "No header holds a space at its begin or end. Send it without."
    elif not is_usable(secret.encode(), config=config):
        yield f"This can verify nothing. Expected {_expected(config)}."


def _is_sent_in_header(config: WebhookConfig) -> bool:
    if config.provider is not None:
        return config.provider in {WebhookProvider.TELEGRAM, WebhookProvider.GITLAB}
    return config.auth_type in {AuthType.API_KEY, AuthType.BEARER}


def _expected(config: WebhookConfig) -> str:
    if config.provider is not None:
        return PROVIDER_SECRETS[config.provider].what
    return f"user:password, with a password of at least 16 characters. Example: shop:{_EXAMPLE}"


def _keeps_secret(config: WebhookConfig, *, before: AnyTriggerConfig | None) -> bool:
    return isinstance(before, WebhookConfig) and needs_secret(before) and is_same_form(config, before)


def is_same_form(config: AnyTriggerConfig, before: AnyTriggerConfig) -> bool:
    """Tell whether the secret of one configuration can serve the other one.

    What one provider takes for a secret another one does not, and who issues it differs; Basic needs a user.
    """
    return _form(config) == _form(before)


def _form(config: AnyTriggerConfig) -> tuple[WebhookProvider | None, bool]:
    if not isinstance(config, WebhookConfig):
        return None, False
    return config.provider, config.provider is None and config.auth_type is AuthType.BASIC


def generate_secret(config: AnyTriggerConfig, *, random: bytes) -> str:
    """Return 32 random bytes as a secret in the form that the sender takes."""
    # Standard Webhooks secrets are decoded from plain base64; others are used as they are written, and some
    # senders take only letters, digits, "-" and "_".
    if isinstance(config, WebhookConfig) and config.provider is WebhookProvider.STANDARD_WEBHOOKS:
        return f"whsec_{base64.b64encode(random).decode()}"
    if isinstance(config, WebhookConfig) and config.provider is None and config.auth_type is AuthType.BASIC:
        # Nothing in it has to be escaped in https://user:password@host.
        return f"webhook:{base64.urlsafe_b64encode(random).decode().rstrip('=')}"
    return f"whsec_{base64.urlsafe_b64encode(random).decode().rstrip('=')}"


def is_usable(secret: bytes, *, config: WebhookConfig) -> bool:
    """Tell whether a secret can verify requests: it is long enough, and a key where it has to be one."""
    if len(secret) < SHORTEST_SECRET:
        return False
    match config.provider:
        case None if config.auth_type is AuthType.BASIC:
            _, colon, password = secret.partition(b":")
            return bool(colon) and len(password) >= SHORTEST_SECRET
        case WebhookProvider.ADYEN:
            return _HEX_KEY.fullmatch(secret) is not None
        case WebhookProvider.DISCORD:
            return _HEX_KEY.fullmatch(secret) is not None and is_ed25519_key(bytes.fromhex(secret.decode()))
        case WebhookProvider.SENDGRID:
            return is_p256_key(secret)
        case WebhookProvider.STANDARD_WEBHOOKS | WebhookProvider.SVIX:
            if secret.startswith(b"whpk_"):
                return is_ed25519_key(decoded(secret.removeprefix(b"whpk_")) or b"")
            return len(decoded(secret.removeprefix(b"whsec_")) or b"") >= SHORTEST_SECRET
        case _:
            return True


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
