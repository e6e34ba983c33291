"""``config.provider``: how each provider signs, identifies, repeats and tests, and what it takes for success.

One row a provider, in one of the four modules; ``docs/providers.md`` is generated from them. What a row
cannot say is a module of ``domain/providers``.
"""

from typing import Final

from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain.presets import code_hosts, messaging, payments, platforms
from webhook_ingress.domain.presets.columns import (
    Acknowledgement,
    AddressTest,
    Basis,
    DeliveryId,
    Preset,
    Redelivery,
    Signature,
    Source,
    Url,
    VerifiedAgainst,
)

__all__ = [
    "PRESETS",
    "Acknowledgement",
    "AddressTest",
    "Basis",
    "DeliveryId",
    "Preset",
    "Redelivery",
    "Signature",
    "Source",
    "Url",
    "VerifiedAgainst",
]

PRESETS: Final[dict[WebhookProvider, Preset]] = {
    **code_hosts.ROWS,
    **messaging.ROWS,
    **payments.ROWS,
    **platforms.ROWS,
}
"""The providers that are served; ``request_rules`` refuses every other one."""
