"""What both kinds of tests know."""

import pytest


@pytest.fixture
def github_signature() -> str:
    """GitHub's published example, for the payload ``Hello, World!``."""
    return "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
