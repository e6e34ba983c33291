"""Messages that wake the service."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from scheduler_sync.ports import BusAwayError, TemporalAwayError
from scheduler_sync.usecases import Reconciler
from trigger_contracts import config
from trigger_runtime.bus.consumer import RetryLaterError
from trigger_runtime.bus.received import Received


def on_trigger_changed(reconciler: Reconciler) -> Callable[[Received], Awaitable[None]]:
    """Return the handler of ``config.trigger.*``. The message only says which trigger to look at."""

    async def handle(message: Received) -> None:
        changed = config.TRIGGERS.decode(message.data)
        if not isinstance(changed.trigger.config, config.ScheduleConfig):
            return
        await _sync(reconciler, trigger_id=changed.trigger.id)

    return handle


async def _sync(reconciler: Reconciler, *, trigger_id: UUID) -> None:
    try:
        await reconciler.sync(trigger_id)
    except (TemporalAwayError, BusAwayError) as error:
        raise RetryLaterError(str(error)) from error
