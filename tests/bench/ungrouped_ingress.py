"""webhook-ingress without group commit: each delivery is a message of its own, published as it comes.

As many publishes are under way as there are requests: what is missing is the grouping and nothing else.
"""

import asyncio
import os
from typing import Any

import uvloop
from webhook_ingress.adapters.accepted_lane import AcceptedLane

from trigger_contracts import streams
from trigger_contracts.deliveries import AcceptedDelivery
from trigger_runtime import logs
from trigger_runtime.bus.connection import BusUnavailableError
from trigger_runtime.settings import load
from webhook_ingress import app
from webhook_ingress.adapters.batch import accepted_message, encoded
from webhook_ingress.ports import Settled, UnavailableError
from webhook_ingress.settings import Settings

_TASKS: set["asyncio.Task[Any]"] = set()


class EachForItself(AcceptedLane):
    """The lane with its heart cut out."""

    def submit(self, delivery: AcceptedDelivery, *, settled: Settled) -> None:
        """Publish it at once, alone."""
        task = asyncio.create_task(self._publish_one(accepted_message([encoded(delivery)]), settled=settled))
        _TASKS.add(task)
        task.add_done_callback(_TASKS.discard)

    async def _publish_one(self, message: bytes, *, settled: Settled) -> None:
        try:
            await self._bus.publish(
                streams.DELIVERIES_ACCEPTED,
                message,
                message_id=str(self._new_id()),
                timeout=self._publish_seconds,
            )
        except BusUnavailableError as error:
            settled(UnavailableError(str(error)))
        else:
            settled(None)


def main() -> None:
    vars(app)["AcceptedLane"] = EachForItself
    settings = load(Settings, os.environ)
    logs.configure(service=app.NAME, level=settings.log_level)

    async def serve() -> None:
        await app.build(settings).run()

    uvloop.run(serve())


if __name__ == "__main__":
    main()
