"""A request to the server, and its answer."""

import asyncio
from collections.abc import Mapping

from nats import errors as nats_errors
from nats.aio.client import Client

from trigger_runtime.bus.answers import BusUnavailableError


async def request_reply(
    client: Client, *, subject: str, data: bytes, timeout: float, headers: Mapping[str, str]
) -> bytes:
    """Return the server's answer; ``BusUnavailableError``, or ``ValueError`` for what can never be sent."""
    # Asked before the client library does: it keeps a reply slot for ever for each refused request.
    if not client.is_connected:
        raise BusUnavailableError("connection lost")
    try:
        # One deadline, here: the library's own is ``asyncio.wait_for``, which in Python 3.11 can
        # swallow a cancellation that meets the answer.
        async with asyncio.timeout(timeout):
            answer = await client.request(
                subject,
                data,
                timeout=None,  # type: ignore[arg-type]
                headers=dict(headers) or None,
            )
    except (nats_errors.BadSubjectError, nats_errors.BadHeaderError) as error:
        raise ValueError(f"cannot be published: {describe(error)}") from error
    except (nats_errors.Error, TimeoutError, OSError) as error:
        raise BusUnavailableError(describe(error)) from error
    return bytes(answer.data)


def describe(error: BaseException) -> str:
    """Return an error's text; some of the client's errors have none but their class."""
    return str(error) or type(error).__name__
