"""``config.provider``: how each provider signs, identifies and repeats its webhooks.

One row a provider. What a row cannot say is a module of ``domain/providers``. ``verified_against`` is what
the row was verified against; the README says it for readers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from trigger_contracts.webhook_config import SignatureEncoding
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_webhooks import BodyPath, signed_content_of
from webhook_ingress.domain import handshake
from webhook_ingress.domain.hmac_scheme import HmacScheme, TimestampHeader
from webhook_ingress.domain.providers import (
    adyen,
    box,
    delivery_ids,
    discord,
    hubspot,
    linear,
    microsoft_graph,
    sendgrid,
    tokens,
    twilio,
)
from webhook_ingress.domain.providers.labelled_header import LabelledHeader
from webhook_ingress.domain.providers.standard_webhooks import StandardWebhooks
from webhook_ingress.domain.signed_request import SignatureScheme, SignedRequest
from webhook_ingress.domain.timestamps import TimeFormat


class Redelivery(Enum):
    """Whether the same delivery id is the same execution where the trigger does not say."""

    SAME_EXECUTION = "the provider repeats by itself"
    NEW_EXECUTION = "a person asks for it"


class Url(Enum):
    """Whether the scheme signs the address, so that the public one has to be configured."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"


class VerifiedAgainst(Enum):
    """What a row was verified against."""

    EXAMPLE = "a signature that the provider published"
    LIBRARY = "the provider's own library, which verified or made the tests' signatures"
    SOURCE = "the sender's own source; no published signature"
    RULE = "the documentation's rule alone; no published signature"


class BodyContains(Enum):
    """Whether the body holds the secret itself, which no record may hold."""

    NOTHING = "nothing"
    SECRET = "the secret"  # noqa: S105 - a word


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryId:
    """Where a provider names its delivery: a header, a path into the body, or a function."""

    header: str | None = None
    body: BodyPath | None = None
    compute: Callable[[SignedRequest], str | None] | None = None
    redelivery: Redelivery = Redelivery.SAME_EXECUTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A row. ``tolerance`` is in seconds, and counts where the trigger has the usual one.

    ``json_fields`` names the fields of a form whose text is JSON.
    """

    scheme: SignatureScheme
    verified_against: frozenset[VerifiedAgainst]
    delivery_id: DeliveryId | None = None
    tolerance: int = 300
    url: Url = Url.UNSIGNED
    body: BodyContains = BodyContains.NOTHING
    opening: handshake.OpeningHandshake | None = None
    signed_handshake: handshake.SignedHandshake | None = None
    json_fields: tuple[str, ...] = ()


_EXAMPLE: Final = frozenset({VerifiedAgainst.EXAMPLE})
_LIBRARY: Final = frozenset({VerifiedAgainst.LIBRARY})
_BOTH: Final = _EXAMPLE | _LIBRARY
_SOURCE: Final = frozenset({VerifiedAgainst.SOURCE})
_RULE: Final = frozenset({VerifiedAgainst.RULE})


def _of_body(*headers: str, prefix: str = "") -> SignatureScheme:
    return HmacScheme(headers=headers, prefix=prefix).signature_check


def _base64_of(content: str, *headers: str) -> SignatureScheme:
    return HmacScheme(
        headers=headers, encoding=SignatureEncoding.BASE64, content=signed_content_of(content)
    ).signature_check


def _v0(header: str, *, time: str) -> SignatureScheme:
    return HmacScheme(
        headers=(header,),
        prefix="v0=",
        content=signed_content_of("v0:{timestamp}:{body}"),
        timestamp=TimestampHeader(name=time),
    ).signature_check


_PAYLOAD: Final = ("payload",)
_SAME_BODY: Final = DeliveryId(compute=delivery_ids.of_body)
_META: Final = Preset(
    scheme=_of_body("x-hub-signature-256", prefix="sha256="),
    opening=handshake.meta,
    delivery_id=_SAME_BODY,
    verified_against=_RULE,
)
_SVIX: Final = StandardWebhooks(prefixes=("svix-", "webhook-"))
_STANDARD: Final = Preset(
    scheme=StandardWebhooks().signature_check,
    delivery_id=DeliveryId(header="webhook-id"),
    verified_against=_BOTH,
)

PRESETS: Final[dict[WebhookProvider, Preset]] = {
    WebhookProvider.ADYEN: Preset(
        scheme=adyen.signature_check,
        delivery_id=DeliveryId(compute=adyen.delivery_id),
        verified_against=_BOTH,
    ),
    WebhookProvider.BITBUCKET: Preset(
        scheme=_of_body("x-hub-signature", prefix="sha256="),
        delivery_id=DeliveryId(header="x-request-uuid"),
        verified_against=_EXAMPLE,
    ),
    WebhookProvider.BOX: Preset(
        scheme=box.signature_check,
        delivery_id=DeliveryId(header="box-delivery-id"),
        tolerance=600,
        verified_against=_BOTH,
    ),
    WebhookProvider.DISCORD: Preset(
        scheme=discord.signature_check,
        signed_handshake=discord.handshake,
        delivery_id=_SAME_BODY,
        verified_against=_LIBRARY,
    ),
    WebhookProvider.GITEA: Preset(
        scheme=_of_body("x-gitea-signature"),
        delivery_id=DeliveryId(header="x-gitea-delivery", redelivery=Redelivery.NEW_EXECUTION),
        json_fields=_PAYLOAD,
        verified_against=_SOURCE,
    ),
    WebhookProvider.GITHUB: Preset(
        scheme=_of_body("x-hub-signature-256", prefix="sha256="),
        # GitHub repeats nothing by itself: a person who presses "redeliver" asks for another run.
        delivery_id=DeliveryId(header="x-github-delivery", redelivery=Redelivery.NEW_EXECUTION),
        json_fields=_PAYLOAD,
        verified_against=_EXAMPLE,
    ),
    WebhookProvider.GITLAB: Preset(
        scheme=tokens.gitlab,
        delivery_id=DeliveryId(header="idempotency-key"),
        verified_against=_RULE,
    ),
    WebhookProvider.GOGS: Preset(
        scheme=_of_body("x-gogs-signature"),
        delivery_id=DeliveryId(header="x-gogs-delivery", redelivery=Redelivery.NEW_EXECUTION),
        json_fields=_PAYLOAD,
        verified_against=_SOURCE,
    ),
    WebhookProvider.HUBSPOT: Preset(
        scheme=hubspot.signature_check,
        delivery_id=DeliveryId(compute=delivery_ids.of_hubspot),
        url=Url.SIGNED,
        verified_against=_BOTH,
    ),
    WebhookProvider.LINE: Preset(
        scheme=_base64_of("{body}", "x-line-signature"),
        delivery_id=DeliveryId(compute=delivery_ids.of_line),
        verified_against=_BOTH,
    ),
    WebhookProvider.LINEAR: Preset(
        scheme=linear.signature_check,
        delivery_id=DeliveryId(header="linear-delivery"),
        tolerance=60,
        verified_against=_LIBRARY,
    ),
    WebhookProvider.META: _META,
    WebhookProvider.MICROSOFT_GRAPH: Preset(
        scheme=microsoft_graph.signature_check,
        # No delivery id: two changes of the same thing are reported with equal bodies.
        body=BodyContains.SECRET,
        opening=microsoft_graph.opening,
        verified_against=_RULE,
    ),
    WebhookProvider.PADDLE: Preset(
        scheme=LabelledHeader(
            header="paddle-signature", separator=";", time="ts", signature="h1", joiner=b":"
        ).signature_check,
        delivery_id=DeliveryId(body=("event_id",)),
        verified_against=_BOTH,
    ),
    WebhookProvider.RAZORPAY: Preset(
        scheme=_of_body("x-razorpay-signature"),
        delivery_id=DeliveryId(header="x-razorpay-event-id"),
        verified_against=_LIBRARY,
    ),
    WebhookProvider.SENDGRID: Preset(
        scheme=sendgrid.signature_check, delivery_id=_SAME_BODY, verified_against=_EXAMPLE
    ),
    WebhookProvider.SHOPIFY: Preset(
        scheme=_base64_of("{body}", "x-shopify-hmac-sha256"),
        delivery_id=DeliveryId(header="x-shopify-webhook-id"),
        verified_against=_LIBRARY,
    ),
    WebhookProvider.SLACK: Preset(
        scheme=_v0("x-slack-signature", time="x-slack-request-timestamp"),
        delivery_id=DeliveryId(body=("event_id",)),
        signed_handshake=handshake.slack,
        json_fields=_PAYLOAD,
        verified_against=_BOTH,
    ),
    WebhookProvider.SQUARE: Preset(
        scheme=_base64_of("{url}{body}", "x-square-hmacsha256-signature"),
        delivery_id=DeliveryId(body=("event_id",)),
        url=Url.SIGNED,
        verified_against=_BOTH,
    ),
    WebhookProvider.STANDARD_WEBHOOKS: _STANDARD,
    WebhookProvider.STRIPE: Preset(
        scheme=LabelledHeader(
            header="stripe-signature", separator=",", time="t", signature="v1", joiner=b"."
        ).signature_check,
        delivery_id=DeliveryId(body=("id",)),
        verified_against=_LIBRARY,
    ),
    WebhookProvider.SVIX: Preset(
        scheme=_SVIX.signature_check,
        delivery_id=DeliveryId(compute=_SVIX.delivery_id),
        verified_against=_EXAMPLE,
    ),
    WebhookProvider.TELEGRAM: Preset(
        scheme=tokens.token_in("x-telegram-bot-api-secret-token"),
        delivery_id=DeliveryId(body=("update_id",)),
        verified_against=_RULE,
    ),
    WebhookProvider.TWILIO: Preset(
        scheme=twilio.signature_check,
        delivery_id=DeliveryId(header="i-twilio-idempotency-token"),
        url=Url.SIGNED,
        verified_against=_BOTH,
    ),
    WebhookProvider.TWITCH: Preset(
        scheme=HmacScheme(
            headers=("twitch-eventsub-message-signature",),
            prefix="sha256=",
            content=signed_content_of("{id}{timestamp}{body}"),
            timestamp=TimestampHeader(name="twitch-eventsub-message-timestamp", written=TimeFormat.RFC_3339),
            id_header="twitch-eventsub-message-id",
        ).signature_check,
        delivery_id=DeliveryId(header="twitch-eventsub-message-id"),
        tolerance=600,
        signed_handshake=handshake.twitch,
        verified_against=_SOURCE,
    ),
    WebhookProvider.WHATSAPP: _META,
    WebhookProvider.ZOOM: Preset(
        scheme=_v0("x-zm-signature", time="x-zm-request-timestamp"),
        signed_handshake=handshake.zoom,
        delivery_id=_SAME_BODY,
        verified_against=_LIBRARY,
    ),
}
"""The providers that are served; ``request_rules`` refuses every other one."""
