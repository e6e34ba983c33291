"""webhook-ingress without group commit: each delivery is a message of its own, published as it comes.

As many publishes are under way as there are requests: what is missing is the grouping and nothing else.
"""

import os

import uvloop

from trigger_contracts import streams
from trigger_contracts.deliveries import AcceptedDelivery
from trigger_runtime import logs
from trigger_runtime.settings import load
from webhook_ingress import app
from webhook_ingress.adapters.accepted_lane import AcceptedLane
from webhook_ingress.adapters.batch import accepted_message, encoded
from webhook_ingress.settings import Settings


class EachForItself(AcceptedLane):
    """The lane with its heart cut out."""

    async def store(self, delivery: AcceptedDelivery) -> None:
        message = accepted_message([encoded(delivery)])
        await self._bus.publish(
            streams.DELIVERIES_ACCEPTED,
            message,
            message_id=str(self._new_id()),
            timeout=self._publish_seconds,
        )


def main() -> None:
    vars(app)["AcceptedLane"] = EachForItself
    settings = load(Settings, os.environ)
    logs.configure(service=app.NAME, level=settings.log_level)

    async def serve() -> None:
        await app.build(settings).run()

    uvloop.run(serve())


if __name__ == "__main__":
    main()
