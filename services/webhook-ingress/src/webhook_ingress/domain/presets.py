"""``config.provider``: how each provider signs its webhooks, names them and repeats them.

One row a provider. What a row cannot say is a module of ``domain/providers``. ``proof`` is what the row was
verified against; the README says it for readers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from trigger_contracts.webhook_config import SignatureEncoding
from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain import handshake
from webhook_ingress.domain.hmac_scheme import HmacScheme, TimestampHeader
from webhook_ingress.domain.proof import Evidence, Scheme
from webhook_ingress.domain.providers import (
    adyen,
    box,
    discord,
    hubspot,
    linear,
    microsoft_graph,
    repetitions,
    sendgrid,
    tokens,
    twilio,
)
from webhook_ingress.domain.providers.labelled_header import LabelledHeader
from webhook_ingress.domain.providers.standard_webhooks import StandardWebhooks
from webhook_ingress.domain.timestamps import TimeFormat


class Repeats(Enum):
    """Whether the same delivery id is the same execution where the trigger does not say."""

    ONCE = "the provider repeats by itself"
    EACH = "a repetition is somebody's wish"


class Url(Enum):
    """Whether the scheme signs the address, so that the public one has to be configured."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"


class Proof(Enum):
    """What a row was verified against."""

    EXAMPLE = "a signature that the provider published"
    LIBRARY = "the provider's own library, which verified or made the tests' signatures"
    SOURCE = "the sender's own source; no published signature"
    RULE = "the documentation's rule alone; no published signature"


class Holds(Enum):
    """Whether the body brings the secret itself, which no record may hold."""

    NOTHING = "nothing"
    SECRET = "the secret"  # noqa: S105 - a word


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryId:
    """Where a provider names its delivery: a header, a path in the body, or worked out."""

    header: str | None = None
    body: str | None = None
    made: Callable[[Evidence], str | None] | None = None
    repeats: Repeats = Repeats.ONCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A row. ``tolerance`` is in seconds, and counts where the trigger has the usual one."""

    scheme: Scheme
    proof: frozenset[Proof]
    delivery_id: DeliveryId | None = None
    tolerance: int = 300
    url: Url = Url.UNSIGNED
    body: Holds = Holds.NOTHING
    opening: handshake.Open | None = None
    signed_handshake: handshake.Signed | None = None

    @property
    def takes_verify_token(self) -> bool:
        """Whether the handshake brings a token that the user has chosen."""
        return self.opening is handshake.meta


_EXAMPLE: Final = frozenset({Proof.EXAMPLE})
_LIBRARY: Final = frozenset({Proof.LIBRARY})
_BOTH: Final = _EXAMPLE | _LIBRARY
_SOURCE: Final = frozenset({Proof.SOURCE})
_RULE: Final = frozenset({Proof.RULE})


def _of_body(*headers: str, prefix: str = "") -> Scheme:
    return HmacScheme(headers=headers, prefix=prefix).claim


def _base64_of(content: str, *headers: str) -> Scheme:
    return HmacScheme(headers=headers, encoding=SignatureEncoding.BASE64, content=content).claim


def _v0(header: str, *, time: str) -> Scheme:
    return HmacScheme(
        headers=(header,), prefix="v0=", content="v0:{timestamp}:{body}", timestamp=TimestampHeader(name=time)
    ).claim


_SAME_BODY: Final = DeliveryId(made=repetitions.of_body)
_META: Final = Preset(
    scheme=_of_body("x-hub-signature-256", prefix="sha256="),
    opening=handshake.meta,
    delivery_id=_SAME_BODY,
    proof=_RULE,
)
_SVIX: Final = StandardWebhooks(prefixes=("svix-", "webhook-"))
_STANDARD: Final = Preset(
    scheme=StandardWebhooks().claim,
    delivery_id=DeliveryId(header="webhook-id"),
    proof=_BOTH,
)

PRESETS: Final[dict[WebhookProvider, Preset]] = {
    WebhookProvider.ADYEN: Preset(
        scheme=adyen.claim,
        delivery_id=DeliveryId(made=adyen.delivery_id),
        proof=_BOTH,
    ),
    WebhookProvider.BITBUCKET: Preset(
        scheme=_of_body("x-hub-signature", prefix="sha256="),
        delivery_id=DeliveryId(header="x-request-uuid"),
        proof=_EXAMPLE,
    ),
    WebhookProvider.BOX: Preset(
        scheme=box.claim,
        delivery_id=DeliveryId(header="box-delivery-id"),
        tolerance=600,
        proof=_BOTH,
    ),
    WebhookProvider.DISCORD: Preset(
        scheme=discord.claim,
        signed_handshake=discord.handshake,
        delivery_id=_SAME_BODY,
        proof=_LIBRARY,
    ),
    WebhookProvider.GITEA: Preset(
        scheme=_of_body("x-gitea-signature"),
        delivery_id=DeliveryId(header="x-gitea-delivery", repeats=Repeats.EACH),
        proof=_SOURCE,
    ),
    WebhookProvider.GITHUB: Preset(
        scheme=_of_body("x-hub-signature-256", prefix="sha256="),
        # GitHub repeats nothing by itself: whoever presses "redeliver" wants another run.
        delivery_id=DeliveryId(header="x-github-delivery", repeats=Repeats.EACH),
        proof=_EXAMPLE,
    ),
    WebhookProvider.GITLAB: Preset(
        scheme=tokens.gitlab,
        delivery_id=DeliveryId(header="idempotency-key"),
        proof=_RULE,
    ),
    WebhookProvider.GOGS: Preset(
        scheme=_of_body("x-gogs-signature"),
        delivery_id=DeliveryId(header="x-gogs-delivery", repeats=Repeats.EACH),
        proof=_SOURCE,
    ),
    WebhookProvider.HUBSPOT: Preset(
        scheme=hubspot.claim,
        delivery_id=DeliveryId(made=repetitions.of_hubspot),
        url=Url.SIGNED,
        proof=_BOTH,
    ),
    WebhookProvider.LINE: Preset(
        scheme=_base64_of("{body}", "x-line-signature"),
        delivery_id=DeliveryId(made=repetitions.of_line),
        proof=_BOTH,
    ),
    WebhookProvider.LINEAR: Preset(
        scheme=linear.claim,
        delivery_id=DeliveryId(header="linear-delivery"),
        tolerance=60,
        proof=_LIBRARY,
    ),
    WebhookProvider.META: _META,
    WebhookProvider.MICROSOFT_GRAPH: Preset(
        scheme=microsoft_graph.claim,
        # No delivery id: two changes of the same thing are told in the same words.
        body=Holds.SECRET,
        opening=microsoft_graph.opening,
        proof=_RULE,
    ),
    WebhookProvider.PADDLE: Preset(
        scheme=LabelledHeader(
            header="paddle-signature", separator=";", time="ts", signature="h1", joint=b":"
        ).claim,
        delivery_id=DeliveryId(body="event_id"),
        proof=_BOTH,
    ),
    WebhookProvider.RAZORPAY: Preset(
        scheme=_of_body("x-razorpay-signature"),
        delivery_id=DeliveryId(header="x-razorpay-event-id"),
        proof=_LIBRARY,
    ),
    WebhookProvider.SENDGRID: Preset(scheme=sendgrid.claim, delivery_id=_SAME_BODY, proof=_EXAMPLE),
    WebhookProvider.SHOPIFY: Preset(
        scheme=_base64_of("{body}", "x-shopify-hmac-sha256"),
        delivery_id=DeliveryId(header="x-shopify-webhook-id"),
        proof=_LIBRARY,
    ),
    WebhookProvider.SLACK: Preset(
        scheme=_v0("x-slack-signature", time="x-slack-request-timestamp"),
        delivery_id=DeliveryId(body="event_id"),
        signed_handshake=handshake.slack,
        proof=_BOTH,
    ),
    WebhookProvider.SQUARE: Preset(
        scheme=_base64_of("{url}{body}", "x-square-hmacsha256-signature"),
        delivery_id=DeliveryId(body="event_id"),
        url=Url.SIGNED,
        proof=_BOTH,
    ),
    WebhookProvider.STANDARD_WEBHOOKS: _STANDARD,
    WebhookProvider.STRIPE: Preset(
        scheme=LabelledHeader(
            header="stripe-signature", separator=",", time="t", signature="v1", joint=b"."
        ).claim,
        delivery_id=DeliveryId(body="id"),
        proof=_LIBRARY,
    ),
    WebhookProvider.SVIX: Preset(
        scheme=_SVIX.claim,
        delivery_id=DeliveryId(made=_SVIX.delivery_id),
        proof=_EXAMPLE,
    ),
    WebhookProvider.TELEGRAM: Preset(
        scheme=tokens.token_in("x-telegram-bot-api-secret-token"),
        delivery_id=DeliveryId(body="update_id"),
        proof=_RULE,
    ),
    WebhookProvider.TWILIO: Preset(
        scheme=twilio.claim,
        delivery_id=DeliveryId(header="i-twilio-idempotency-token"),
        url=Url.SIGNED,
        proof=_BOTH,
    ),
    WebhookProvider.TWITCH: Preset(
        scheme=HmacScheme(
            headers=("twitch-eventsub-message-signature",),
            prefix="sha256=",
            content="{id}{timestamp}{body}",
            timestamp=TimestampHeader(name="twitch-eventsub-message-timestamp", written=TimeFormat.RFC_3339),
            id_header="twitch-eventsub-message-id",
        ).claim,
        delivery_id=DeliveryId(header="twitch-eventsub-message-id"),
        tolerance=600,
        signed_handshake=handshake.twitch,
        proof=_SOURCE,
    ),
    WebhookProvider.WHATSAPP: _META,
    WebhookProvider.ZOOM: Preset(
        scheme=_v0("x-zm-signature", time="x-zm-request-timestamp"),
        signed_handshake=handshake.zoom,
        delivery_id=_SAME_BODY,
        proof=_LIBRARY,
    ),
}
"""The providers that are served; ``domain/support.py`` refuses every other one."""
