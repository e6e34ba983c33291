"""What an operator runs once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from scheduler_sync.app import NAME, Core
from scheduler_sync.ports import TemporalUnavailableError
from scheduler_sync.settings import Settings
from scheduler_sync.usecases.full_resync import Drift, SoleLeader
from trigger_runtime import logs
from trigger_runtime.bus.connection import BusUnavailableError
from trigger_runtime.settings import LogLevel, load

_CONNECT_SECONDS: Final = 30.0
"""For the bus, and for reading every trigger."""


def diff() -> str:
    """Print what a resync would do, and change nothing."""
    return _once(_diff)


def resync() -> str:
    """Compare everything and write what differs, also where another replica leads: it does no harm.

    Raises ``RuntimeError`` where something still differs.
    """
    return _once(_resync)


async def _diff(core: Core) -> str:
    return "\n".join(_lines(await core.resync.find_drift()))


def _lines(drift: Drift) -> list[str]:
    return [
        *(f"{type(step).__name__.lower():<7} {key}" for key, step in sorted(drift.steps.items())),
        *(f"refused {key}: {reason}" for key, reason in sorted(drift.refused.items())),
        *(f"unknown {key}: no trigger, left alone" for key in sorted(drift.unknown)),
        *(f"not described {key}: {reason}" for key, reason in sorted(drift.not_described.items())),
        _summary(drift),
    ]


def _summary(drift: Drift) -> str:
    rest = f"{len(drift.unknown)} unknown, {len(drift.not_described)} not described"
    steps = f"{len(drift.steps)} steps, {len(drift.refused)} refused"
    return f"{len(drift.triggers)} triggers compared, {steps}, {rest}"


async def _resync(core: Core) -> str:
    result = await core.resync.run(leadership=SoleLeader())
    steps = ", ".join(f"{count} {step}" for step, count in sorted(core.steps.items())) or "nothing to do"
    rest = f"{result.left} left, {result.unknown} unknown, {result.not_described} not described"
    summary = f"{result.compared} triggers compared, {steps}, {rest}"
    if result.left or result.not_described:
        raise RuntimeError(f"{summary}; see `diff`" + (f" ({result.outage})" if result.outage else ""))
    return summary


def _once(job: Callable[[Core], Awaitable[str]]) -> str:
    # An operator wants to know all of it: every schedule is described.
    settings = msgspec.structs.replace(load(Settings), resync_closely_seconds=0)
    # Only errors, so that what is printed is mostly the result.
    logs.configure(service=NAME, level=LogLevel.ERROR)
    try:
        return asyncio.run(_with_core(settings, job=job))
    except (TemporalUnavailableError, BusUnavailableError) as error:
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
