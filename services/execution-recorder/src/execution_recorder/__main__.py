"""``python -m execution_recorder serve | migrate | healthcheck | openapi``."""

import sys

from execution_recorder.app import NAME, build, migrate
from execution_recorder.entrypoints.api import openapi
from execution_recorder.settings import Settings
from trigger_contracts.streams import DEAD_LETTERS
from trigger_runtime.command_line import Verb, run

_VERBS = {"openapi": Verb(help="print the OpenAPI document", run=openapi)}

if __name__ == "__main__":
    sys.exit(
        run(
            NAME,
            settings=Settings,
            build=build,
            migrate=migrate,
            verbs=_VERBS,
            dead_letters=DEAD_LETTERS.name,
        )
    )
