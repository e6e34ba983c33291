"""Messages that wake the service."""

from collections.abc import Awaitable, Callable

from scheduler_sync.usecases.reconciling import Reconciler
from trigger_contracts import config
from trigger_runtime.bus.jetstream_api import Received


def on_trigger_changed(reconciler: Reconciler) -> Callable[[Received], Awaitable[None]]:
    """Return the handler of ``config.trigger.*``. The message only says which trigger to look at."""

    async def handle(message: Received) -> None:
        changed = config.TRIGGERS.decode(message.data)
        if isinstance(changed.trigger.config, config.ScheduleConfig):
            await reconciler.sync(changed.trigger.id, seen=changed.trigger.version)

    return handle
