"""Who may call, and on which condition: what every handler asks first."""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from trigger_api.entrypoints.http import READ, RUN, WRITE, Authenticator
from trigger_api.entrypoints.requests import condition_of
from trigger_api.settings import IfMatch
from trigger_api.usecases.appending import Caller, Condition
from trigger_runtime.web.tokens import TokenVerifier

__all__ = ["READ", "RUN", "WRITE", "Access"]


class Access:
    """Each method raises ``ProblemError`` where the answer is no."""

    def __init__(self, tokens: TokenVerifier, *, if_match: IfMatch, now: Callable[[], datetime]) -> None:
        self._authenticate = Authenticator(tokens)
        self._if_match = if_match
        self.now = now

    async def reader(self, request: web.Request) -> Caller:
        """Return who wants to see something."""
        return await self._authenticate(request, scope=READ)

    async def writer(self, request: web.Request) -> Caller:
        """Return who wants to change something."""
        return await self._authenticate(request, scope=WRITE)

    async def runner(self, request: web.Request) -> Caller:
        """Return who wants to run something."""
        return await self._authenticate(request, scope=RUN)

    def condition(self, request: web.Request) -> Condition:
        """Return which versions the change is meant for."""
        return condition_of(request, if_match=self._if_match)
