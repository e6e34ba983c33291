"""webhook-ingress without group commit: each delivery is a message of its own, published as it comes.

As many publishes are under way as there are requests: what is missing is the grouping and nothing else.
"""

import asyncio
import os

import uvloop

from trigger_contracts import streams
from trigger_contracts.deliveries import AcceptedDelivery, DeliveriesAccepted
from trigger_runtime import logs
from trigger_runtime.bus.connection import BusUnavailableError
from trigger_runtime.settings import load
from webhook_ingress import app
from webhook_ingress.adapters.accepted_publisher import AcceptedPublisher
from webhook_ingress.adapters.batch import accepted_message, encoded
from webhook_ingress.ports import UnavailableError
from webhook_ingress.settings import Settings


class UngroupedPublisher(AcceptedPublisher):
    """The publisher with its heart cut out."""

    def publish(self, delivery: AcceptedDelivery) -> "asyncio.Future[None]":
        """Publish it at once, alone."""
        return asyncio.ensure_future(
            self._publish_one(accepted_message([encoded(delivery)], kind=DeliveriesAccepted))
        )

    async def _publish_one(self, message: bytes) -> None:
        try:
            await self._bus.publish(
                streams.DELIVERIES_ACCEPTED,
                message,
                message_id=str(self._new_id()),
                timeout=self._publish_seconds,
            )
        except BusUnavailableError as error:
            raise UnavailableError(str(error)) from error


def main() -> None:
    vars(app)["AcceptedPublisher"] = UngroupedPublisher
    settings = load(Settings, os.environ)
    logs.configure(service=app.NAME, level=settings.log_level)

    async def serve() -> None:
        await app.build(settings).run()

    uvloop.run(serve())


if __name__ == "__main__":
    main()
