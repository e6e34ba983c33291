"""The providers that a webhook trigger knows by name, and what kind of secret each one uses."""

from enum import StrEnum
from typing import Final

from trigger_contracts.codec import Part


class WebhookProvider(StrEnum):
    """``config.provider``: a preset for how a provider signs, names and repeats its webhooks."""

    ADYEN = "adyen"
    BITBUCKET = "bitbucket"
    BOX = "box"
    DISCORD = "discord"
    GITEA = "gitea"
    GITHUB = "github"
    GITLAB = "gitlab"
    GOGS = "gogs"
    HUBSPOT = "hubspot"
    LINE = "line"
    LINEAR = "linear"
    META = "meta"
    MICROSOFT_GRAPH = "microsoft-graph"
    PADDLE = "paddle"
    RAZORPAY = "razorpay"
    SENDGRID = "sendgrid"
    SHOPIFY = "shopify"
    SLACK = "slack"
    SQUARE = "square"
    STANDARD_WEBHOOKS = "standard-webhooks"
    STRIPE = "stripe"
    SVIX = "svix"
    TELEGRAM = "telegram"
    TWILIO = "twilio"
    TWITCH = "twitch"
    WHATSAPP = "whatsapp"
    ZOOM = "zoom"


class ProviderSecret(Part, frozen=True, kw_only=True):
    """What a provider's secret is. ``pattern`` has to match all of it.

    ``chosen_by_user`` is true where the user tells the provider the secret, so that this system may make
    one up; else the provider shows it, and it has to be given when the trigger is made.
    """

    what: str
    chosen_by_user: bool
    pattern: str


_TEXT: Final = r"[\x21-\x7e]{16,256}"
_HEX_32: Final = r"[0-9a-f]{32}"
_WHSEC: Final = r"whsec_[A-Za-z0-9+/]{32,172}={0,2}"


def _shown(what: str, *, pattern: str = _TEXT) -> ProviderSecret:
    return ProviderSecret(what=what, chosen_by_user=False, pattern=pattern)


def _chosen(what: str, *, pattern: str = _TEXT) -> ProviderSecret:
    return ProviderSecret(what=what, chosen_by_user=True, pattern=pattern)


PROVIDER_SECRETS: Final[dict[WebhookProvider, ProviderSecret]] = {
    WebhookProvider.ADYEN: _shown("the HMAC key, 64 hexadecimal digits", pattern=r"[0-9A-Fa-f]{64}"),
    WebhookProvider.BITBUCKET: _chosen("the webhook's secret"),
    WebhookProvider.BOX: _shown("a signature key of the application"),
    WebhookProvider.DISCORD: _shown(
        "the application's public key, 64 hexadecimal digits", pattern=r"[0-9a-fA-F]{64}"
    ),
    WebhookProvider.GITEA: _chosen("the webhook's secret"),
    WebhookProvider.GITHUB: _chosen("the webhook's secret"),
    WebhookProvider.GITLAB: _chosen("the secret token, or the signing token (whsec_…)"),
    WebhookProvider.GOGS: _chosen("the webhook's secret"),
    WebhookProvider.HUBSPOT: _shown("the application's client secret"),
    WebhookProvider.LINE: _shown("the channel secret, 32 hexadecimal digits", pattern=_HEX_32),
    WebhookProvider.LINEAR: _shown("the webhook's signing secret"),
    WebhookProvider.META: _shown("the application's secret, 32 hexadecimal digits", pattern=_HEX_32),
    WebhookProvider.MICROSOFT_GRAPH: _chosen(
        "the subscription's clientState", pattern=r"[\x21-\x7e]{16,128}"
    ),
    WebhookProvider.PADDLE: _shown("the notification destination's secret key"),
    WebhookProvider.RAZORPAY: _chosen("the webhook's secret"),
    WebhookProvider.SENDGRID: _shown(
        "the event webhook's verification key, base64", pattern=r"[A-Za-z0-9+/]{64,240}={0,2}"
    ),
    WebhookProvider.SHOPIFY: _shown("the application's client secret"),
    WebhookProvider.SLACK: _shown("the application's signing secret, 32 hexadecimal digits", pattern=_HEX_32),
    WebhookProvider.SQUARE: _shown("the subscription's signature key"),
    WebhookProvider.STANDARD_WEBHOOKS: _chosen(
        "the endpoint's secret (whsec_…) or public key (whpk_…)",
        pattern=rf"{_WHSEC}|whpk_[A-Za-z0-9+/]{{43}}=",
    ),
    WebhookProvider.STRIPE: _shown(
        "the endpoint's secret (whsec_…)", pattern=r"whsec_[A-Za-z0-9+/=_-]{16,250}"
    ),
    WebhookProvider.SVIX: _shown("the endpoint's secret (whsec_…)", pattern=_WHSEC),
    WebhookProvider.TELEGRAM: _chosen("the secret_token of setWebhook", pattern=r"[A-Za-z0-9_-]{16,256}"),
    WebhookProvider.TWILIO: _shown("the account's auth token, 32 hexadecimal digits", pattern=_HEX_32),
    WebhookProvider.TWITCH: _chosen("the subscription's secret", pattern=r"[\x21-\x7e]{16,100}"),
    WebhookProvider.WHATSAPP: _shown("the application's secret, 32 hexadecimal digits", pattern=_HEX_32),
    WebhookProvider.ZOOM: _shown("the application's secret token"),
}
"""One row a provider; every provider has one."""
