"""Command line of the service."""

import sys

from scheduler_sync import commands
from scheduler_sync.app import NAME, build
from scheduler_sync.settings import Settings
from trigger_contracts.streams import DEAD_LETTERS
from trigger_runtime.command_line import Verb, run

_VERBS = {
    "diff": Verb(help="print what a resync would do to Temporal's schedules", run=commands.diff),
    "resync": Verb(help="compare everything now and apply what differs", run=commands.resync),
}

if __name__ == "__main__":
    sys.exit(run(NAME, settings=Settings, build=build, verbs=_VERBS, dead_letters=DEAD_LETTERS.name))
