"""One connection: what comes, in which order it gets its response, and when it is closed."""

import asyncio
from asyncio import Future
from collections.abc import Callable
from functools import partial
from typing import Final, cast

from webhook_ingress.domain.request import BodyProblem, ReceivedRequest
from webhook_ingress.entrypoints.body_budget import BodyBudget
from webhook_ingress.entrypoints.connections import ConnectionLimits, Connections, Deadline
from webhook_ingress.entrypoints.raw_response import CONTINUE, raw_response
from webhook_ingress.entrypoints.request_parser import MalformedRequestError, RawRequest, RequestParser
from webhook_ingress.entrypoints.webhook_endpoint import Outcome, WebhookEndpoint, is_webhook
from webhook_ingress.ports import HttpResponse, UnavailableError

_SLICE_BYTES: Final = 16 * 1024
"""Parsed at a time: so few pipelined requests wait as objects, however much was read at once."""
_UNPARSED_BYTES: Final = 64 * 1024
"""Kept of what follows a request without a response; over it, nothing more is read."""


class WebhookProtocol(asyncio.Protocol):
    """Responds to webhook requests without a task for each, and leaves other requests to ``hand_over``.

    Responses go out in the order of the requests: one in progress holds back those behind it.
    """

    def __init__(
        self,
        endpoint: WebhookEndpoint,
        *,
        budget: BodyBudget,
        limits: ConnectionLimits,
        connections: Connections,
        hand_over: Callable[[asyncio.Transport, RawRequest], None],
    ) -> None:
        self._endpoint = endpoint
        self._budget = budget
        self._limits = limits
        self._connections = connections
        self._hand_over_to = hand_over
        self._parser = RequestParser()
        self._unparsed = bytearray()
        self._transport: asyncio.Transport | None = None
        self._remote: str | None = None
        # The request whose body is being read, what it holds of the budget, and why no more of it comes.
        self._received: ReceivedRequest | None = None
        self._reserved_bytes = 0
        self._interruption: BodyProblem | None = None
        self._in_progress = False  # whether a response depends on the bus
        self._deadline = Deadline(self._expire)
        self._is_malformed = False
        self._has_eof = False
        self._is_ended = False  # whether the last response is out, and what comes is ignored
        self._is_stopping = False
        self._is_reading_paused = False
        self._is_writing_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._remote = str(peer[0]) if isinstance(peer, list | tuple) else None
        self._connections.add(self)
        self._deadline.set(self._limits.head_seconds)

    def data_received(self, data: bytes) -> None:
        if self._is_ended:
            return
        is_held_back = self._in_progress or self._unparsed or self._is_writing_paused
        if not is_held_back and len(data) <= _SLICE_BYTES:
            self._parse(data)
            self._serve()
            return
        self._unparsed += data
        self._go_on()
        if len(self._unparsed) > _UNPARSED_BYTES and not self._is_reading_paused and self._transport:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Keep the connection of a caller who has sent everything and waits for the response."""
        self._has_eof = True
        self._interruption = BodyProblem.INCOMPLETE
        if self._is_ended:
            self._close()
        self._go_on()
        return True

    def pause_writing(self) -> None:
        self._is_writing_paused = True

    def resume_writing(self) -> None:
        self._is_writing_paused = False
        self._go_on()

    def connection_lost(self, _exc: BaseException | None) -> None:
        self._forget_connection()
        if self._received is not None:
            # The caller left within the body: on record all the same.
            self._interruption = BodyProblem.INCOMPLETE
            self._is_writing_paused = False
            self._serve()
        self._is_ended = True
        self._parser.close()

    def stop(self) -> None:
        """End after the request in progress; at once where there is none."""
        self._is_stopping = True
        self._go_on()

    def abort(self) -> None:
        """End now."""
        if self._transport is not None:
            self._transport.abort()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed(data)
        except MalformedRequestError:
            self._is_malformed = True
            self._interruption = BodyProblem.INCOMPLETE
            self._unparsed.clear()

    def _go_on(self) -> None:
        """Serve what waits; parse the next slice only when nothing does."""
        self._serve()
        while self._unparsed and not (self._in_progress or self._is_writing_paused or self._is_ended):
            data = bytes(self._unparsed[:_SLICE_BYTES])
            del self._unparsed[:_SLICE_BYTES]
            self._parse(data)
            self._serve()
        if self._is_reading_paused and self._transport is not None and len(self._unparsed) <= _UNPARSED_BYTES:
            self._is_reading_paused = False
            self._transport.resume_reading()

    def _serve(self) -> None:
        """Respond to as many requests as possible."""
        requests = self._parser.requests
        while requests and not (self._in_progress or self._is_writing_paused or self._is_ended):
            raw = requests[0]
            if not (self._pass_over(raw) if raw.drops_body else self._serve_one(raw)):
                break
        if not (self._in_progress or self._is_ended or self._unparsed or self._received):
            self._rest()

    def _pass_over(self, raw: RawRequest) -> bool:
        """Tell whether a request has come whole that has its response, or gets it elsewhere."""
        if raw.is_complete:
            self._parser.requests.popleft()
            if not is_webhook(raw):
                self._hand_over(raw)
        return raw.is_complete

    def _serve_one(self, raw: RawRequest) -> bool:
        """Tell whether the response to a request is out, or on its way: else more of its body has to come."""
        received, outcome = self._received, None
        if received is None:
            if not is_webhook(raw):
                self._drop_body(raw)
                return True
            received = self._received = self._endpoint.received(raw, remote=self._remote)
            if not raw.is_complete:
                outcome = self._begin_body(raw, received=received)
        outcome = outcome or self._outcome(raw, received=received)
        if outcome is None:
            return False
        self._received = None
        if raw.is_complete:
            self._parser.requests.popleft()
        else:
            self._drop_body(raw)
        if isinstance(outcome, HttpResponse):
            self._respond(raw, received=received, response=outcome)
        else:
            self._in_progress = True
            outcome.add_done_callback(partial(self._settle, raw, received))
        return True

    def _outcome(self, raw: RawRequest, *, received: ReceivedRequest) -> Outcome | None:
        """Return the response, now or later, or ``None`` where more of the body has to come first."""
        longest = self._limits.max_body_bytes
        if raw.is_complete:
            body = raw.body if len(raw.body) <= longest else BodyProblem.TOO_LARGE
            return self._endpoint.receive(received, body=bytes(body) if isinstance(body, bytearray) else body)
        if self._interruption is not None:
            return self._endpoint.receive(received, body=self._interruption)
        if len(raw.body) > longest:
            return self._endpoint.receive(received, body=BodyProblem.TOO_LARGE)
        try:
            self._budget.take(len(raw.body) - self._reserved_bytes)
        except UnavailableError as error:
            return self._endpoint.unavailable(received, error=error)
        self._reserved_bytes = len(raw.body)
        return None

    def _begin_body(self, raw: RawRequest, *, received: ReceivedRequest) -> Outcome | None:
        """Return the response to a request whose body need not come; else let it come."""
        if (response := self._endpoint.respond_before_body(received)) is not None:
            return response
        if raw.content_length > self._limits.max_body_bytes:
            return self._endpoint.receive(received, body=BodyProblem.TOO_LARGE)
        self._deadline.set(self._limits.body_seconds)
        if raw.awaits_continue and self._transport is not None:
            raw.awaits_continue = False
            self._transport.write(CONTINUE)
        return None

    def _drop_body(self, raw: RawRequest) -> None:
        """Forget the body, and what is still to come of it."""
        raw.drops_body = True
        raw.body = b""
        if not raw.is_complete:
            self._deadline.set(self._limits.body_seconds)

    def _settle(self, raw: RawRequest, received: ReceivedRequest, outcome: "Future[HttpResponse]") -> None:
        self._in_progress = False
        self._respond(raw, received=received, response=self._endpoint.result(outcome, received=received))
        self._go_on()

    def _respond(self, raw: RawRequest, *, received: ReceivedRequest, response: HttpResponse) -> None:
        """Write the response, also where the caller is gone: it counts."""
        if self._reserved_bytes:
            self._budget.give_back(self._reserved_bytes)
            self._reserved_bytes = 0
        self._endpoint.observe(received, response=response)
        if self._transport is None:
            return
        # A body that is not coming, or may not be coming, leaves open where the next request begins.
        is_framed = raw.is_complete or not (self._interruption or raw.awaits_continue)
        keep_alive = raw.keep_alive and is_framed and not self._is_stopping
        request_id = received.request.request_id
        self._transport.write(
            raw_response(response, request=raw, request_id=request_id, keep_alive=keep_alive)
        )
        if not keep_alive:
            self._end(self._transport, last=raw)
        elif raw.is_complete:
            self._deadline.set(self._limits.head_seconds)

    def _rest(self) -> None:
        """Close the connection where no further request will get a response."""
        if self._transport is None:
            return
        if self._parser.requests:
            if self._interruption is not None:
                self._end(self._transport, last=self._parser.requests[0])
        elif self._is_malformed:
            self._transport.write(self._endpoint.malformed(self._parser.malformed_head))
            self._end(self._transport, last=None)
        elif self._has_eof or (self._is_stopping and self._parser.is_between_requests):
            self._close()

    def _end(self, transport: asyncio.Transport, *, last: RawRequest | None) -> None:
        """Close the connection after the response to the last request.

        Closing while a caller still sends causes a reset, which may take the response away from it: so what
        comes is ignored for some seconds.
        """
        self._is_ended = True
        self._unparsed.clear()
        if (last is not None and last.is_complete) or self._has_eof:
            self._close()
            return
        transport.write_eof()
        transport.resume_reading()
        self._deadline.set(self._limits.linger_seconds)

    def _close(self) -> None:
        self._is_ended = True
        if self._transport is not None:
            self._transport.close()

    def _hand_over(self, raw: RawRequest) -> None:
        """Let another protocol respond to this request, with which the connection ends."""
        transport = self._transport
        if transport is None:
            return
        self._forget_connection()
        self._is_ended = True
        self._parser.close()
        transport.resume_reading()
        self._hand_over_to(transport, raw)

    def _forget_connection(self) -> None:
        self._transport = None
        self._connections.discard(self)
        self._deadline.cancel()

    def _expire(self) -> None:
        if self._in_progress:
            # The bus has a deadline of its own.
            self._deadline.set(self._limits.head_seconds)
        elif self._received is not None:
            self._interruption = BodyProblem.TOO_SLOW
            self._serve()
        elif self._is_ended or self._is_writing_paused:
            self.abort()
        else:
            self._close()
