"""A request on its way through the door."""

import msgspec

from trigger_contracts.config import Time
from trigger_contracts.deliveries import AcceptedDelivery
from webhook_ingress.domain.answer import Answer
from webhook_ingress.domain.request import Body, WebhookRequest
from webhook_ingress.domain.trigger import WebhookTrigger


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A request and when it came: ``begun`` is in seconds of a clock that only goes forward."""

    request: WebhookRequest
    received_at: Time
    begun: float


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """A request that will be answered so once its delivery is stored."""

    arrival: Arrival
    trigger: WebhookTrigger
    body: Body
    answer: Answer
    delivery: AcceptedDelivery
