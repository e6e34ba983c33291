"""Whether an event starts a trigger."""

from collections.abc import Iterator

from trigger_contracts.config import EventConfig, TriggerState
from trigger_contracts.events import CloudEvent, covers
from trigger_expressions import Expression
from trigger_matching.checks import Asked, Check, compared, not_asked, selection

ALL_WORKSPACES = "*"


def event_checks(
    trigger: TriggerState, event: CloudEvent, *, condition: Expression | None, open_to: tuple[str, ...]
) -> Iterator[Asked]:
    """Yield what decides, in order, of a trigger whose configuration is an ``EventConfig``.

    ``condition`` is the configuration's expression, compiled. ``open_to`` names the workspaces that an event
    without a ``workspace`` reaches; ``*`` is all.
    """
    config = trigger.config
    assert isinstance(config, EventConfig)  # noqa: S101 - the caller's promise
    yield lambda: compared(
        "enabled",
        expected=True,
        actual=trigger.enabled,
        is_right=trigger.enabled and trigger.deleted_at is None,
    )
    yield lambda: _workspace(trigger.workspace, event=event, open_to=open_to)
    yield lambda: compared(
        "eventType",
        expected=config.event_type,
        actual=event.type,
        is_right=covers(config.event_type, event_type=event.type),
    )
    yield lambda: _source(config.source, event=event)
    yield from selection(event.document, filters=config.filters, condition=condition)


def _workspace(workspace: str, *, event: CloudEvent, open_to: tuple[str, ...]) -> Check:
    if event.workspace is not None:
        is_right = event.workspace == workspace
    else:
        is_right = ALL_WORKSPACES in open_to or workspace in open_to
    return compared("workspace", expected=workspace, actual=event.workspace, is_right=is_right)


def _source(source: str | None, *, event: CloudEvent) -> Check:
    if source is None:
        return not_asked("source")
    return compared("source", expected=source, actual=event.source, is_right=source == event.source)
