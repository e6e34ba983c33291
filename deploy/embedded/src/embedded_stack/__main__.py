"""The command line: up, stop, reset, status, logs, publish, openapi."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from embedded_stack import api_document, control
from embedded_stack.binaries import BinaryMissingError
from embedded_stack.credentials import CredentialsError
from embedded_stack.newcomer import welcome
from embedded_stack.ports import PortTakenError
from embedded_stack.program import ProgramStartError
from embedded_stack.services import SERVICES
from embedded_stack.terminal import say
from embedded_stack.up import StartRequest, up
from embedded_stack.workspace import Workspace, WorkspaceError

# What a subject may hold: no blanks, no wildcards, a word on each side of a dot.
_EVENT_TYPE = re.compile(r"[^\s.*>\x00-\x1f\x7f]+(\.[^\s.*>\x00-\x1f\x7f]+)*")

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
Folder = Annotated[Path, typer.Option("--var", envvar="VAR", help="The data folder.")]
_HERE = Path("var")


def _fail(error: Exception | str) -> NoReturn:
    print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201 - a command line talks
    raise typer.Exit(1)


@cli.command(name="up")
def up_command(
    *,
    var: Folder = _HERE,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The public port; without it 8080, or the next free one."),
    ] = None,
    no_services: Annotated[bool, typer.Option("--no-services", help="Only the servers.")] = False,
    no_sample: Annotated[bool, typer.Option("--no-sample", help="Create no sample.")] = False,
) -> None:
    """Start everything and stay in the foreground; Ctrl-C stops it in order."""
    request = StartRequest(
        folder=var,
        port=port,
        definitions=() if no_services else SERVICES,
        say=say,
        when_ready=None if no_services or no_sample else welcome,
    )
    try:
        asyncio.run(up(request))
    except (WorkspaceError, PortTakenError, CredentialsError, ProgramStartError, BinaryMissingError) as error:
        _fail(error)


@cli.command()
def stop(*, var: Folder = _HERE) -> None:
    """Stop the stack that runs on the data folder, and wait until it is gone."""
    try:
        stopped = control.stop(Workspace(var.resolve()))
    except control.StopError as error:
        _fail(error)
    say("stopped" if stopped else "nothing runs")


@cli.command()
def reset(*, var: Folder = _HERE) -> None:
    """Delete all data, when nothing runs on it."""
    try:
        Workspace(var.resolve()).wipe()
    except WorkspaceError as error:
        _fail(error)
    say(f"deleted the data in {var}")


@cli.command()
def status(*, var: Folder = _HERE) -> None:
    """Show what runs; the exit code is 0 when everything is ready."""
    lines, healthy = asyncio.run(control.status(Workspace(var.resolve())))
    for line in lines:
        say(line)
    if healthy is not control.Health.READY:
        raise typer.Exit(1)


@cli.command()
def logs(
    service: Annotated[str | None, typer.Argument(help="One name; without it all.")] = None,
    *,
    var: Folder = _HERE,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written.")] = False,
    lines: Annotated[int, typer.Option(min=0, help="How many of the last lines of each.")] = 20,
) -> None:
    """Show the logs."""
    try:
        for line in control.log_lines(
            Workspace(var.resolve()),
            name=service,
            lines=lines,
            until=control.LogEnd.NEVER if follow else control.LogEnd.NOW,
        ):
            say(line)
    except control.UnknownLogError as error:
        _fail(error)
    except KeyboardInterrupt:
        return


@cli.command()
def publish(
    event_type: Annotated[str, typer.Argument(help="For example order.created")],
    data: Annotated[str, typer.Argument(help="JSON")],
    *,
    var: Folder = _HERE,
    source: Annotated[str, typer.Option(help="The CloudEvent's source.")] = "/embedded-stack",
) -> None:
    """Publish a CloudEvent on the bus of the running stack."""
    from embedded_stack.publish import PublishError  # noqa: PLC0415 - the NATS client is slow to import
    from embedded_stack.publish import publish as publish_event  # noqa: PLC0415

    if not _EVENT_TYPE.fullmatch(event_type):
        _fail(f"{event_type!r} is not an event type. Example: order.created")
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        _fail(f"the data is not JSON: {error}")
    document = control.document(Workspace(var.resolve()))
    if document is None:
        _fail(f"nothing is ready on {var}: `make run` starts it")
    try:
        event_id = asyncio.run(
            publish_event(document["nats_url"], event_type=event_type, source=source, data=value)
        )
    except PublishError as error:
        _fail(error)
    say(json.dumps({"published": f"events.{event_type}", "id": event_id}))


@cli.command()
def openapi() -> None:
    """Print the gateway's OpenAPI document, merged from the documents of the services."""
    try:
        document = api_document.merge(api_document.service_documents())
    except api_document.DocumentConflictError as error:
        _fail(error)
    say(api_document.encode(document).rstrip("\n"))


if __name__ == "__main__":
    cli()
