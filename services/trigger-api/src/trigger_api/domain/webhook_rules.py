"""What a webhook's configuration must be beyond its shape, and what its secret must be."""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from string import Formatter
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from trigger_api.domain.trigger import needs_secret
from trigger_contracts.config import AnyTriggerConfig, AuthType, WebhookConfig
from trigger_contracts.response_headers import may_be_sent
from trigger_contracts.webhook_config import IdempotencyKeySource, WebhookResponse
from trigger_contracts.webhook_providers import PROVIDER_SECRETS, WebhookProvider
from trigger_validation import FieldError, pointer_step

_PATH: Final = re.compile(r"[^.\[\]\s]+(\.[^.\[\]\s]+|\[[0-9]{1,6}\])*")
_SIGNED: Final = frozenset({"timestamp", "body", "url", "id"})
_HASHED: Final = re.compile(r"sha256:[0-9a-f]{64}")
_ONLY_GENERIC: Final = (
    "signature_header",
    "signature_prefix",
    "signature_encoding",
    "algorithm",
    "signed_content",
    "timestamp_header",
    "id_header",
)
_TAKE_VERIFY_TOKEN: Final = frozenset({WebhookProvider.META, WebhookProvider.WHATSAPP})
_SECRET: Final = re.compile(r"[\x21-\x7e]{16,256}", re.ASCII)

FieldRule = Callable[[Any], list[FieldError]]
"""From a decoded field to its errors, with pointers from the field on."""


def _origins(origins: tuple[str, ...]) -> list[FieldError]:
    return [
        FieldError(f"/{index}", "An origin is scheme://host[:port], lower-case and without a path.")
        for index, origin in enumerate(origins)
        if not _is_origin(origin)
    ]


def _is_origin(text: str) -> bool:
    """Tell whether the text is a serialised origin (RFC 6454, 6.2), lower-case, or ``null``."""
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


def _networks(networks: tuple[str, ...]) -> list[FieldError]:
    errors = []
    for index, text in enumerate(networks):
        try:
            ip_network(text)
        except ValueError:
            words = "Expected an address or a network like 192.0.2.0/24, without bits set behind the prefix."
            errors.append(FieldError(f"/{index}", words))
    return errors


def _signed_content(template: str) -> list[FieldError]:
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        return [FieldError("", f"This is no template: {error}.")]
    names = [name for _, name, _, _ in parts if name is not None]
    plain = all(not spec and conversion is None for _, _, spec, conversion in parts)
    if not plain or not set(names) <= _SIGNED or "{{" in template or "}}" in template:
        return [FieldError("", "Only {timestamp}, {body}, {url} and {id} may stand in braces.")]
    # Without the body a signature would be good for any body.
    return [] if "body" in names else [FieldError("", "{body} is missing.")]


def _key_source(source: IdempotencyKeySource | None) -> list[FieldError]:
    if source is None:
        return []
    if (source.header is None) == (source.body is None):
        return [FieldError("", "Say either a header or a path in the body.")]
    if source.body is not None and not _PATH.fullmatch(source.body):
        return [FieldError("/body", "This is no path like data.id or items[0].id.")]
    return []


def _headers(headers: Mapping[str, str]) -> list[FieldError]:
    return [
        FieldError(f"/{pointer_step(name)}", "This header is not a trigger's to set.")
        for name, value in headers.items()
        if not may_be_sent(name, value=value)
    ]


def _response(response: WebhookResponse | None) -> list[FieldError]:
    if response is None:
        return []
    errors = [FieldError(f"/headers{error.pointer}", error.detail) for error in _headers(response.headers)]
    if response.status in {204, 205} and response.body is not msgspec.UNSET:
        errors.append(FieldError("/body", f"An answer {response.status} has no body."))
    return errors


FIELD_RULES: Final[dict[tuple[type, str], FieldRule]] = {
    (WebhookConfig, "allowed_origins"): _origins,
    (WebhookConfig, "allowed_ips"): _networks,
    (WebhookConfig, "signed_content"): _signed_content,
    (WebhookConfig, "idempotency_key"): _key_source,
    (WebhookConfig, "custom_headers"): _headers,
    (WebhookConfig, "response"): _response,
}


def errors_between(config: WebhookConfig) -> list[FieldError]:
    """Return what does not go together, with pointers from the configuration on.

    The door refuses the requests of such a trigger, so that nothing is overlooked: it had better not exist.
    """
    errors = _between_proofs(config)
    if config.verify_token is not None and config.provider not in _TAKE_VERIFY_TOKEN:
        takers = " and ".join(sorted(_TAKE_VERIFY_TOKEN))
        errors.append(FieldError("/verifyToken", f"Only the providers {takers} ask for it."))
    return errors


def _between_proofs(config: WebhookConfig) -> list[FieldError]:
    usual = WebhookConfig()
    said = [name for name in _ONLY_GENERIC if getattr(config, name) != getattr(usual, name)]
    if config.provider is not None:
        errors = [FieldError(f"/{_camel(name)}", "The provider says this: leave it out.") for name in said]
        if config.auth_type not in {AuthType.NONE, AuthType.HMAC}:
            errors.append(FieldError("/authType", "The provider says how it authenticates: leave this out."))
        return errors
    if config.tolerance_seconds != usual.tolerance_seconds and config.timestamp_header is None:
        said.append("tolerance_seconds")
    if config.auth_type is not AuthType.HMAC:
        return [FieldError(f"/{_camel(name)}", 'This goes with "authType": "hmac" only.') for name in said]
    return _between_signed(config, tolerated="tolerance_seconds" in said)


def _between_signed(config: WebhookConfig, *, tolerated: bool) -> list[FieldError]:
    errors = []
    for placeholder, header, pointer in (
        ("{timestamp}", config.timestamp_header, "/timestampHeader"),
        ("{id}", config.id_header, "/idHeader"),
    ):
        if placeholder in config.signed_content and header is None:
            errors.append(FieldError(pointer, f"{placeholder} is signed: say which header brings it."))
        if placeholder not in config.signed_content and header is not None:
            errors.append(
                FieldError("/signedContent", f"What is not signed proves nothing: add {placeholder}.")
            )
    if tolerated:
        errors.append(FieldError("/toleranceSeconds", "This goes with a timestampHeader only."))
    return errors


def secret_errors(
    config: AnyTriggerConfig, *, secret: str | None, before: AnyTriggerConfig | None
) -> list[FieldError]:
    """Return what is wrong with the secret that comes with a configuration, or with its being left out.

    ``before`` is the configuration of the secret that is in force; ``None`` where there is none.
    """
    if not isinstance(config, WebhookConfig) or not needs_secret(config):
        return [] if secret is None else [FieldError("/secret", "The configuration takes no secret.")]
    wanted, what = _SECRET, "16 to 256 visible ASCII characters"
    if config.provider is not None:
        rule = PROVIDER_SECRETS[config.provider]
        wanted, what = re.compile(rule.pattern, re.ASCII), rule.what
        if secret is None and not rule.chosen_by_user and not keeps_its_secret(config, before=before):
            return [FieldError("/secret", f"{config.provider} issues it: {rule.what}.")]
    if secret is not None and not wanted.fullmatch(secret):
        return [FieldError("/secret", f"Expected {what}.")]
    return []


def keeps_its_secret(config: AnyTriggerConfig, *, before: AnyTriggerConfig | None) -> bool:
    """Tell whether the secret in force, whose configuration was ``before``, is one for ``config`` too.

    What one provider takes for a secret another one does not, and whose it is differs.
    """
    if not isinstance(config, WebhookConfig) or not isinstance(before, WebhookConfig):
        return False
    return needs_secret(before) and config.provider is before.provider


def made_up_secret(config: AnyTriggerConfig, *, random: bytes) -> str:
    """Return 32 random bytes as a secret in the form that the sender takes."""
    standard = isinstance(config, WebhookConfig) and config.provider is WebhookProvider.STANDARD_WEBHOOKS
    # Standard Webhooks secrets are decoded from plain base64; others are used as they are written, and some
    # senders take letters, digits, "-" and "_" only.
    encode = base64.b64encode if standard else base64.urlsafe_b64encode
    text = encode(random).decode()
    return f"whsec_{text if standard else text.rstrip('=')}"


def without_plain_tokens(config: AnyTriggerConfig) -> AnyTriggerConfig:
    """Return a configuration as it may be kept: a handshake's token only as its hash.

    It is only ever compared, so nobody needs it in the clear; what was hashed already stays.
    """
    if not isinstance(config, WebhookConfig) or config.verify_token is None:
        return config
    if _HASHED.fullmatch(config.verify_token):
        return config
    hashed = hashlib.sha256(config.verify_token.encode()).hexdigest()
    return msgspec.structs.replace(config, verify_token=f"sha256:{hashed}")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
