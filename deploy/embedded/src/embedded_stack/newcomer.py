"""Sample and screen, once everything is ready."""

from embedded_stack.private_files import write_private_json
from embedded_stack.stack import Stack
from embedded_stack.terminal import say
from embedded_stack.workspace import Workspace


async def welcome(workspace: Workspace, stack: Stack, token: str) -> None:
    """Seeds, writes `first-steps.json`, prints the screen. A refused sample is shown and stops nothing."""
    # Here and not above: the HTTP client is slow to import, and the servers start meanwhile.
    from embedded_stack import screen  # noqa: PLC0415
    from embedded_stack.seed import SeedError, seed  # noqa: PLC0415

    addresses = screen.Addresses(
        base_url=stack.gateway.url,
        token=token,
        temporal_ui_url=f"{stack.gateway.url}{stack.temporal.ui_public_path}",
        folder=workspace.root,
        logs=workspace.logs,
        authorization=workspace.authorization,
    )
    steps: list[screen.FirstStep] = []
    notes: list[str] = []
    try:
        sample = await seed(stack.gateway.url, token=token, kept=workspace.sample)
        steps = screen.first_steps(addresses, sample=sample)
    except SeedError as error:
        notes = [f"The sample could not be created: {error}"]
    write_private_json(
        workspace.first_steps, value=[{"title": step.title, "command": step.command} for step in steps]
    )
    say(screen.rendered(addresses, steps=steps, notes=notes))
