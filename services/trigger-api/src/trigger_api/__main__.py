"""Command line of the service."""

import sys

from trigger_api import commands
from trigger_api.app import build, migrate
from trigger_api.settings import Settings
from trigger_runtime.command_line import Verb, run

_VERBS = {
    "rebuild": Verb(help="rebuild the read models from the log while the API serves", run=commands.rebuild),
    "reseal": Verb(help="seal all webhook secrets with the first key of SECRET_KEYS", run=commands.reseal),
    "republish": Verb(help="publish the state of everything again, on CONFIG", run=commands.republish_all),
    # The name of the release before.
    "announce": Verb(help="the old name of republish", run=commands.republish_all),
    "openapi": Verb(help="print the OpenAPI document", run=commands.openapi),
}

if __name__ == "__main__":
    sys.exit(run("trigger-api", settings=Settings, build=build, migrate=migrate, verbs=_VERBS))
