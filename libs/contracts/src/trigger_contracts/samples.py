"""What trigger-api asks webhook-ingress and execution-recorder over the bus, to test a trigger with a sample.

Nothing of it starts or records anything. The reply to either request can be ``RequestFailed``.
"""

from typing import Any, Final
from uuid import UUID

import msgspec

from trigger_contracts.codec import Codec, Message, Part
from trigger_contracts.config import TriggerState
from trigger_contracts.schedule_requests import RequestFailed

MAX_SAMPLE_BYTES: Final = 64 * 1024


class DeliverySample(Part, frozen=True, kw_only=True):
    """A request to a webhook, as a person or the record has it."""

    method: str
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    client_address: str | None = None
    """``None`` where it is not known: then it is not asked."""
    is_recorded: bool = False
    """Whether it is from the record, which has no signature and no credential: then they are not asked."""


class SampleCheck(Part, frozen=True, kw_only=True):
    """One thing that decides: see ``trigger_matching.Check``. ``detail`` says why in words."""

    name: str
    outcome: str
    path: str | None = None
    expected: Any = msgspec.UNSET
    actual: Any = msgspec.UNSET
    detail: str | None = None


class ExplainDelivery(Message, tag="ExplainDelivery/1", frozen=True, kw_only=True):
    """On ``rpc.webhook-ingress.explain``: would this start a run? The reply is ``DeliveryExplained``."""

    trigger_id: UUID
    workspace: str
    draft: TriggerState | None = None
    """A trigger that is not saved, its secret sealed; ``None`` is the one that the door knows."""
    sample: DeliverySample


class DeliveryExplained(Message, tag="DeliveryExplained/1", frozen=True, kw_only=True):
    """What the door would do, and the payload of the run."""

    would_run: bool
    checks: tuple[SampleCheck, ...]
    payload: Any = None


class GetDelivery(Message, tag="GetDelivery/1", frozen=True, kw_only=True):
    """On ``rpc.execution-recorder.delivery``: a recorded request. The reply is ``RecordedDelivery``."""

    log_id: UUID
    trigger_id: UUID
    workspace: str


class RecordedDelivery(Message, tag="RecordedDelivery/1", frozen=True, kw_only=True):
    """The request, without what is redacted."""

    sample: DeliverySample


EXPLAIN_REQUESTS: Final[Codec[ExplainDelivery]] = Codec(ExplainDelivery)
EXPLAIN_REPLIES: Final[Codec[DeliveryExplained | RequestFailed]] = Codec(DeliveryExplained, RequestFailed)
DELIVERY_REQUESTS: Final[Codec[GetDelivery]] = Codec(GetDelivery)
DELIVERY_REPLIES: Final[Codec[RecordedDelivery | RequestFailed]] = Codec(RecordedDelivery, RequestFailed)
EVERY_SAMPLE_MESSAGE: Final[Codec[Any]] = Codec(
    ExplainDelivery, DeliveryExplained, GetDelivery, RecordedDelivery
)
