"""Who may call, and on which condition: what every handler asks first."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from aiohttp import web

from trigger_api.entrypoints.requests import caller_of, condition_of
from trigger_api.settings import IfMatch
from trigger_api.usecases.appending import Caller, Condition
from trigger_runtime.web.tokens import TokenVerifier

READ: Final = "triggers:read"
WRITE: Final = "triggers:write"
RUN: Final = "triggers:run"


class Access:
    """Each method raises ``ProblemError`` where the answer is no."""

    def __init__(self, tokens: TokenVerifier, *, if_match: IfMatch, now: Callable[[], datetime]) -> None:
        self._tokens = tokens
        self._if_match = if_match
        self.now = now

    async def reader(self, request: web.Request) -> Caller:
        """Return who wants to see something."""
        return await caller_of(request, tokens=self._tokens, scope=READ)

    async def writer(self, request: web.Request) -> Caller:
        """Return who wants to change something."""
        return await caller_of(request, tokens=self._tokens, scope=WRITE)

    async def runner(self, request: web.Request) -> Caller:
        """Return who wants to run something."""
        return await caller_of(request, tokens=self._tokens, scope=RUN)

    def condition(self, request: web.Request) -> Condition:
        """Return which versions the change is meant for."""
        return condition_of(request, if_match=self._if_match)
