"""Command line of the service."""

import sys

from trigger_api.app import build, migrate
from trigger_api.settings import Settings
from trigger_runtime.command_line import run

if __name__ == "__main__":
    sys.exit(run("trigger-api", settings=Settings, build=build, migrate=migrate))
