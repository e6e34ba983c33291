"""``dead-letters list | show | requeue | drop``: for what a service gave up on, by an operator."""

import argparse
import asyncio
import base64
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from trigger_runtime import logs
from trigger_runtime.bus.connection import Bus, BusUnavailableError, MessageTooLargeError
from trigger_runtime.bus.dead_letter_store import (
    DeadLetter,
    DeadLetterStore,
    NotRequeuedError,
    UnknownLetterError,
)
from trigger_runtime.settings import LogLevel, ServiceSettings

VERB: Final = "dead-letters"
_CONNECT_SECONDS: Final = 10.0
_REASON_WIDTH: Final = 100
_LAST_SEQUENCE: Final = 2**63 - 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the four actions."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="one line for each letter, oldest first")
    listing.add_argument("--limit", type=_count, default=100, help="letters at most (100)")
    listing.add_argument("--after", type=_count, default=0, help="begin behind this letter")
    listing.add_argument("--json", action="store_true", help="a JSON object a line, without the data")
    show = actions.add_parser("show", help="a letter with its headers and data, as JSON")
    show.add_argument("letter", type=_count)
    for action, what in (
        ("requeue", "publish messages again on their subjects, then delete their letters"),
        ("drop", "delete letters for good"),
    ):
        chosen = actions.add_parser(action, help=what)
        which = chosen.add_mutually_exclusive_group(required=True)
        which.add_argument("letters", nargs="*", type=_count, default=[], help="their numbers in the list")
        which.add_argument("--reason", type=_beginning, help="all whose reason begins with this text")
        which.add_argument("--all", action="store_true", help="all that are there now")
    for one in (listing, *(actions.choices[action] for action in ("requeue", "drop"))):
        one.add_argument("--durable", help="only letters of this durable consumer")


def run(arguments: argparse.Namespace, *, settings: ServiceSettings, service: str, stream: str) -> int:
    """Do it for the durables of ``service``; print what was done and return the exit status.

    Raises ``RuntimeError`` where the bus cannot be used.
    """
    if (problem := _wrong_choice(arguments, service=service)) is not None:
        sys.stderr.write(f"{service}: {problem}\n")
        return 2
    # Only errors, so that what is printed is mostly the result.
    logs.configure(service=service, level=LogLevel.ERROR)
    try:
        return asyncio.run(_with_store(arguments, settings=settings, service=service, stream=stream))
    except BusUnavailableError as error:
        raise RuntimeError(f"the bus cannot be used: {error}") from error


def _wrong_choice(arguments: argparse.Namespace, *, service: str) -> str | None:
    """Return why the letters that are asked for cannot be chosen in this way."""
    durable = getattr(arguments, "durable", None)
    if durable is None:
        return None
    if not durable.startswith(f"{service}-"):
        return f"{durable!r} is no durable of {service}: their names begin with {service}-"
    if getattr(arguments, "letters", None):
        return "numbers name their letters; --durable goes with --reason or --all"
    return None


async def _with_store(
    arguments: argparse.Namespace, *, settings: ServiceSettings, service: str, stream: str
) -> int:
    bus = Bus(url=settings.nats_url.reveal(), client_name=f"{service} {VERB}")
    await bus.start()
    try:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await bus.ready()
        except TimeoutError:
            # What is behind the last @ holds no password, whatever stands in it.
            server = settings.nats_url.reveal().rpartition("@")[2]
            raise BusUnavailableError(
                f"no connection to {server} within {_CONNECT_SECONDS:g} s (NATS_URL)"
            ) from None
        store = DeadLetterStore(bus, stream=stream, owner=service)
        match arguments.action:
            case "list":
                return await _list(store, arguments=arguments)
            case "show":
                return await _show(store, sequence=arguments.letter)
            case _:
                return await _settle(store, arguments=arguments)
    finally:
        await bus.stop()


async def _list(store: DeadLetterStore, *, arguments: argparse.Namespace) -> int:
    listed: list[DeadLetter] = []
    async for letter in store.letters(after=arguments.after, durable=arguments.durable):
        if len(listed) == arguments.limit:
            last = listed[-1].sequence
            sys.stderr.write(f"there are more: --after {last}\n")
            break
        listed.append(letter)
        _print(_json(_summary(letter)) if arguments.json else _line(letter))
    if not listed:
        sys.stderr.write(await _none_there(store, arguments=arguments))
    return 0


async def _none_there(store: DeadLetterStore, *, arguments: argparse.Namespace) -> str:
    """Say that there are none, and of which durables there are some: a name may be misspelt."""
    after = getattr(arguments, "after", 0)
    reason = getattr(arguments, "reason", None)
    chosen = (f" of {arguments.durable}" if arguments.durable else "") + (f" behind {after}" if after else "")
    chosen += f" whose reason begins with {reason!r}" if reason else ""
    others = sorted({letter.durable async for letter in store.letters(after=after)}) if chosen else []
    return f"no dead letters{chosen}" + (f"; there are some of {', '.join(others)}\n" if others else "\n")


async def _show(store: DeadLetterStore, *, sequence: int) -> int:
    try:
        letter = await store.get(sequence)
    except UnknownLetterError as error:
        raise RuntimeError(str(error)) from error
    whole = {**_summary(letter), "headers": dict(letter.headers), **_content(letter)}
    _print(msgspec.json.format(msgspec.json.encode(whole), indent=2).decode())
    return 0


async def _settle(store: DeadLetterStore, *, arguments: argparse.Namespace) -> int:
    """Requeue or drop each; one that cannot be is named, the rest is done all the same."""
    settle, done = (store.requeue, "requeued") if arguments.action == "requeue" else (store.drop, "dropped")
    count = failed = 0
    async for sequence in _chosen(store, arguments=arguments):
        try:
            letter = await settle(sequence)
        except (UnknownLetterError, NotRequeuedError, MessageTooLargeError, ValueError) as error:
            failed += 1
            sys.stderr.write(f"letter {sequence}: {error}\n")
        else:
            count += 1
            _print(f"{done} {letter.sequence} {letter.durable} {letter.subject}")
    if not count + failed:
        sys.stderr.write(await _none_there(store, arguments=arguments))
    _print(f"{count} {done}" + (f", {failed} not" if failed else ""))
    return 1 if failed else 0


async def _chosen(store: DeadLetterStore, *, arguments: argparse.Namespace) -> AsyncIterator[int]:
    if arguments.letters:
        for sequence in arguments.letters:
            yield sequence
        return
    # All of them first: a requeued message may come back as a letter, and must not be requeued for ever.
    prefix = arguments.reason or ""
    letters = store.letters(durable=arguments.durable)
    for sequence in [letter.sequence async for letter in letters if letter.reason.startswith(prefix)]:
        yield sequence


def _line(letter: DeadLetter) -> str:
    size = "-" if letter.data is None else str(len(letter.data))
    return (
        f"{letter.sequence:>8}  {letter.stored_at:%Y-%m-%dT%H:%M:%SZ}  {letter.durable}  {letter.subject}"
        f"  {size} B  {letter.reason[:_REASON_WIDTH]}"
    )


def _summary(letter: DeadLetter) -> dict[str, Any]:
    return {
        "letter": letter.sequence,
        "storedAt": letter.stored_at,
        "durable": letter.durable,
        "stream": letter.stream,
        "subject": letter.subject,
        "messageSequence": letter.message_sequence,
        "attempts": letter.attempts,
        "bytes": None if letter.data is None else len(letter.data),
        "reason": letter.reason,
    }


def _content(letter: DeadLetter) -> dict[str, Any]:
    """Return the data as JSON where it is some, else as text, else as base64."""
    if letter.data is None:
        return {"dataLeftIn": letter.stream}
    try:
        text = letter.data.decode()
    except UnicodeDecodeError:
        return {"dataBase64": base64.b64encode(letter.data).decode()}
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {"text": text}
    return {"data": msgspec.Raw(text.encode())}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) <= len(str(_LAST_SEQUENCE)) else 0
    if not 1 <= number <= _LAST_SEQUENCE:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1, for example 17")
    return number


def _beginning(text: str) -> str:
    """Return the text. Every reason begins with an empty one, which a script's unset variable is."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty, and so would choose every letter: --all does that")
    return text
