"""What other triggers cost an event that one trigger matches: among 10,000 ÷ among 10. JSON lines.

``make bench-matching``. The other triggers differ from the event in one way each. A figure is the median of
the rounds, in µs of the processor's time. The target is a ratio of 3 at most.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from load import say

from orchestrator_worker.domain.matching import EventTriggers
from trigger_contracts.config import EventConfig, TriggerState
from trigger_contracts.events import CloudEvent

FEW: Final = 10
MANY: Final = int(os.environ.get("TRIGGERS", "10000"))
ROUNDS: Final = int(os.environ.get("ROUNDS", "7"))
EVENTS: Final = 2000
TARGET: Final = 3.0

_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_OTHERS: Final[list[tuple[str, str | None, Callable[[int], dict[str, Any]]]]] = [
    ("types", "acme", lambda n: {"event_type": f"order.t{n}"}),
    ("types, no workspace", None, lambda n: {"event_type": f"order.t{n}"}),
    ("workspaces", "acme", lambda n: {"workspace": f"w{n}"}),
    ("sources", "acme", lambda n: {"source": f"/shop/{n}"}),
    ("filters", "acme", lambda n: {"filters": {"data.customer": n}}),
    ("second filters", "acme", lambda n: {"filters": {"data.kind": "new", "data.customer": n}}),
    ("filters, no workspace", None, lambda n: {"workspace": f"w{n}", "filters": {"data.customer": n}}),
]
"""In what the other triggers differ, the workspace of the event, and the options of the others."""


def trigger(number: int, *, workspace: str = "acme", **options: Any) -> TriggerState:
    """Return an event trigger."""
    return TriggerState(
        id=UUID(int=number),
        workspace=workspace,
        workflow_id=UUID(int=1),
        name="An event",
        enabled=True,
        config=EventConfig(**{"event_type": "order.created", **options}),
        version=1,
        created_at=_AT,
        updated_at=_AT,
    )


def event(*, workspace: str | None) -> CloudEvent:
    """Return the event that one trigger matches."""
    data = {"kind": "new", "customer": 0}
    document = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.created", "data": data}
    return CloudEvent(id="1", source="/shop", type="order.created", workspace=workspace, document=document)


def microseconds(others: Callable[[int], dict[str, Any]], *, count: int, occurred: CloudEvent) -> float:
    """Return what one event takes among so many triggers."""
    triggers = EventTriggers()
    for number in range(1, count):
        triggers.put(trigger(number, **others(number)))
    triggers.put(trigger(count, filters={"data.kind": "new"}))
    judged = list(triggers.judge(occurred, open_to=("*",)))
    assert sum(isinstance(one, TriggerState) for one in judged) == 1
    # A look at each trigger takes milliseconds: fewer events measure that as well.
    events = 20 if len(judged) > FEW else EVENTS
    rounds = []
    for _ in range(ROUNDS):
        begun = time.thread_time()
        for _ in range(events):
            list(triggers.judge(occurred, open_to=("*",)))
        rounds.append((time.thread_time() - begun) / events * 1e6)
    return statistics.median(rounds)


def main() -> int:
    """Print a line for each way in which the others differ; return 1 where one is over the target."""
    worst = 0.0
    for name, workspace, others in _OTHERS:
        occurred = event(workspace=workspace)
        few, many = (microseconds(others, count=count, occurred=occurred) for count in (FEW, MANY))
        worst = max(worst, many / few)
        say(
            f"other {name}",
            triggers=MANY,
            few_us=round(few, 2),
            many_us=round(many, 2),
            ratio=round(many / few, 2),
            target=TARGET,
        )
    return int(worst > TARGET)


if __name__ == "__main__":
    sys.exit(main())
