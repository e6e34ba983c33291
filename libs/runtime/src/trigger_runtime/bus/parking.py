"""Messages that only a newer release reads: out of the way of the rest.

They wait unacknowledged at first. The server delivers a durable consumer nothing more while it holds
``max_ack_pending`` of them. So after some attempts a reference goes to a stream of its own, which a second
durable consumer reads. The message itself stays where it is, for as long as its stream keeps it.
"""

from typing import Final

from trigger_runtime.bus.connection import Bus
from trigger_runtime.bus.jetstream_api import Received
from trigger_runtime.bus.subscription import Parking

SEQUENCE: Final = "Parked-Sequence"
ATTEMPTS_BEFORE: Final = 4
"""About two seconds: another process that reads the durable may be of the newer release already."""


async def park(bus: Bus, *, item: Received, durable: str, parking: Parking) -> None:
    """Store a reference to the message. Raises what ``Bus.publish`` raises."""
    await bus.publish(
        parking.subject,
        b"",
        message_id=f"{item.stream}:{durable}:{item.sequence}",
        headers={SEQUENCE: str(item.sequence)},
    )
