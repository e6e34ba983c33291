"""``python -m <service> serve | healthcheck | migrate | dead-letters``: the same verbs for every service."""

import argparse
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

import structlog
import uvloop

from trigger_runtime import dead_letter_command, logs, zone_data
from trigger_runtime.lifecycle import Service
from trigger_runtime.settings import ServiceSettings, SettingsError, load

log = structlog.stdlib.get_logger(__name__)

S = TypeVar("S", bound=ServiceSettings)

_REACHED_AT: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound to, but asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """Something that a service does once; ``run`` returns what is to be said of it.

    Raises ``SettingsError``, ``OSError`` or ``RuntimeError`` where it cannot be done.
    """

    help: str
    run: Callable[[], str]


def run(
    name: str,
    *,
    settings: type[S],
    build: Callable[[S], Service],
    migrate: Callable[[], str] | None = None,
    verbs: Mapping[str, Verb] | None = None,
    dead_letters: str | None = None,
) -> int:
    """Do what the command line asks; return the process's exit status.

    0 is success, 1 a failure (said on standard error), 2 a wrong command line or environment.
    ``build`` is called inside the running event loop. ``verbs`` are what one service can do beside that.
    ``dead_letters`` is the stream that holds what the service's durable consumers gave up on.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {name.replace('-', '_')}")
    known = parser.add_subparsers(dest="verb", required=True)
    known.add_parser("serve", help="run the service until SIGTERM")
    known.add_parser("healthcheck", help="exit 0 when the service on HTTP_PORT is ready")
    own = dict(verbs or {})
    if migrate is not None:
        own["migrate"] = Verb(help="bring the service's database schema up to date", run=migrate)
    for verb_name, one in own.items():
        known.add_parser(verb_name, help=one.help)
    if dead_letters is not None:
        letters = known.add_parser(dead_letter_command.VERB, help="list, show, requeue or drop dead letters")
        dead_letter_command.add_arguments(letters)
    arguments = parser.parse_args()
    verb = arguments.verb
    zone_data.choose()
    try:
        match verb:
            case "serve":
                return _serve(name, settings=load(settings), build=build)
            case "healthcheck":
                return _healthcheck(load(settings))
            case dead_letter_command.VERB if dead_letters is not None:
                return dead_letter_command.run(
                    arguments, settings=load(settings), service=name, stream=dead_letters
                )
            case _:
                sys.stdout.write(f"{own[verb].run()}\n")
                return 0
    except SettingsError as error:
        for problem in error.problems:
            sys.stderr.write(f"{name}: {problem}\n")
        return 2
    except (OSError, RuntimeError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1


def _serve(name: str, *, settings: S, build: Callable[[S], Service]) -> int:
    logs.configure(service=name, level=settings.log_level)
    zones = zone_data.in_force()
    if zones.is_old(datetime.now(UTC)):
        log.warning("time zone data is old", edition=zones.edition, source=zones.source.value)

    async def main() -> None:
        await build(settings).run()

    try:
        uvloop.run(main())
    except KeyboardInterrupt:
        return 130
    return 0


def _healthcheck(settings: ServiceSettings) -> int:
    host = _REACHED_AT.get(settings.http_host, settings.http_host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}/readyz"
    # No proxy, whatever the environment says: what is asked is this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=3) as response:
            return 0 if response.status == 200 else 1
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        sys.stderr.write(f"not ready: {error}\n")
        return 1
