"""Which options of a trigger a reader has to know: those that came later take a version."""

from typing import Final

from trigger_contracts.schedule_config import DstPolicy, ScheduleConfig
from trigger_contracts.trigger_config import TriggerConfig
from trigger_contracts.webhook_config import AuthType, WebhookConfig

_OPTIONS_OF_FIRST: Final = frozenset(
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
LATER_OPTIONS: Final = tuple(
    field for field in WebhookConfig.__struct_fields__ if field not in _OPTIONS_OF_FIRST
)
"""The options that the readers of version 1 do not know: each field that is added is one."""
_DEFAULTS: Final = WebhookConfig()


def options_version(config: TriggerConfig) -> int:
    """Return the version of the options that a reader has to know: 1, or 2 where one that came later is set.

    A reader passes over fields that it does not know, so that one that does not know an option would serve
    the trigger without it.
    """
    if isinstance(config, ScheduleConfig):
        return 2 if config.dst_policy is DstPolicy.ONCE else 1
    if not isinstance(config, WebhookConfig):
        return 1
    is_second = config.auth_type is AuthType.BASIC or any(
        getattr(config, name) != getattr(_DEFAULTS, name) for name in LATER_OPTIONS
    )
    return 2 if is_second else 1
