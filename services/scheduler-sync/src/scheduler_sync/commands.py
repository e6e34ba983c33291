"""What an operator asks of the service once, beside serving."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from scheduler_sync.app import NAME, Core
from scheduler_sync.ports import BusAwayError, TemporalAwayError
from scheduler_sync.settings import Settings
from scheduler_sync.usecases.comparing import Always, Survey
from trigger_runtime import logs
from trigger_runtime.settings import LogLevel, load

_CONNECT_SECONDS: Final = 30.0
"""For the bus, and for reading every trigger."""


def diff() -> str:
    """Print what a resync would do, and do nothing of it."""
    return _once(_diff)


def resync() -> str:
    """Compare everything and apply what differs, whether or not another replica leads: it does no harm.

    Raises ``RuntimeError`` where something is left.
    """
    return _once(_resync)


async def _diff(core: Core) -> str:
    return "\n".join(_lines(await core.comparison.survey()))


def _lines(found: Survey) -> list[str]:
    return [
        *(f"{type(step).__name__.lower():<7} {key}" for key, step in sorted(found.steps.items())),
        *(f"refused {key}: {reason}" for key, reason in sorted(found.refused.items())),
        *(f"unknown {key}: no trigger, left alone" for key in sorted(found.unknown)),
        *(f"unseen  {key}: {reason}" for key, reason in sorted(found.unseen.items())),
        _summary(found),
    ]


def _summary(found: Survey) -> str:
    counts = f"{len(found.refused)} refused, {len(found.unknown)} unknown, {len(found.unseen)} unseen"
    return f"{len(found.triggers)} triggers compared, {len(found.steps)} steps, {counts}"


async def _resync(core: Core) -> str:
    found = await core.comparison.resync(leadership=Always())
    steps = ", ".join(f"{count} {step}" for step, count in sorted(core.applied.items())) or "nothing to do"
    rest = f"{found.left} left, {found.unknown} unknown, {found.unseen} unseen"
    said = f"{found.compared} triggers compared, {steps}, {rest}"
    if found.left or found.unseen:
        raise RuntimeError(f"{said}; see `diff`" + (f" ({found.away})" if found.away else ""))
    return said


def _once(job: Callable[[Core], Awaitable[str]]) -> str:
    # Whoever asks by hand wants to know all of it.
    settings = msgspec.structs.replace(load(Settings), resync_closely_seconds=0)
    # Only what went wrong, so that what is printed is mostly the answer.
    logs.configure(service=NAME, level=LogLevel.ERROR)
    try:
        return asyncio.run(_with_core(settings, job=job))
    except (TemporalAwayError, BusAwayError) as error:
        raise RuntimeError(str(error)) from error


async def _with_core(settings: Settings, *, job: Callable[[Core], Awaitable[str]]) -> str:
    core = Core(settings)
    async with AsyncExitStack() as stack:
        for component in core.components:
            await component.start()
            stack.push_async_callback(component.stop)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await core.bus.ready()
                await core.caught_up()
        except TimeoutError as error:
            raise RuntimeError(f"the triggers could not be read within {_CONNECT_SECONDS:g} s") from error
        return await job(core)
