"""Requests over the bus for one recorded request of a trigger, to test the trigger with it."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import structlog

from execution_recorder.adapters.postgres_webhook_logs import PostgresWebhookLogs
from trigger_contracts import codec
from trigger_contracts.codec import ContractError
from trigger_contracts.samples import DELIVERY_REQUESTS, DeliverySample, GetDelivery, RecordedDelivery
from trigger_contracts.schedule_requests import FailureCode, RequestFailed
from trigger_runtime.postgres import DatabaseUnavailableError

log = structlog.stdlib.get_logger(__name__)

_MAX_BODY_BYTES: Final = 512 * 1024


class DeliveryRequests:
    """Answers ``GetDelivery``."""

    def __init__(self, logs: PostgresWebhookLogs) -> None:
        self._logs = logs

    async def handle(self, data: bytes) -> bytes:
        """Return the reply to a request."""
        try:
            request = DELIVERY_REQUESTS.decode(data)
            sample = await self._sample(request)
        except ContractError as error:
            log.warning("request not understood", reason=str(error))
            return _failed("unknown request type", code=FailureCode.UNKNOWN_REQUEST)
        except DatabaseUnavailableError as error:
            log.warning("request not done", reason=str(error))
            return _failed("the record cannot be read now", code=FailureCode.UNAVAILABLE)
        if sample is None:
            return _failed("there is no such request in the log of the trigger", code=FailureCode.NOT_FOUND)
        if len(sample.body) > _MAX_BODY_BYTES:
            reason = f"its body is over {_MAX_BODY_BYTES} bytes"
            return _failed(reason, code=FailureCode.REFUSED)
        return codec.encode(RecordedDelivery(sample=sample))

    async def _sample(self, request: GetDelivery) -> DeliverySample | None:
        stored = await self._logs.stored_request(
            request.log_id, workspace=request.workspace, trigger_id=request.trigger_id
        )
        if stored is None:
            return None
        return DeliverySample(
            method=stored.method,
            path=stored.path,
            query=tuple(_pairs(stored.query)),
            headers=tuple(_pairs(stored.headers)),
            body=stored.body,
            client_address=stored.client_address,
            is_recorded=True,
        )


def _pairs(fields: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a JSON object; a repeated name has a list of values."""
    parsed: dict[str, Any] = msgspec.json.decode(fields)
    for name, value in parsed.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, one


def _failed(reason: str, *, code: FailureCode) -> bytes:
    return codec.encode(RequestFailed(reason=reason, code=code))
