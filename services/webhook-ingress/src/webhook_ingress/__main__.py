"""``python -m webhook_ingress serve | healthcheck``."""

import sys

from trigger_runtime.command_line import run
from webhook_ingress.app import NAME, build
from webhook_ingress.settings import Settings

if __name__ == "__main__":
    sys.exit(run(NAME, settings=Settings, build=build))
