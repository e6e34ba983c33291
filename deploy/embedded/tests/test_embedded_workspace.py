"""The data folder: recognised, locked, wiped only when it is ours."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from embedded_stack.credentials import CredentialsError, development_token, kept_credentials
from embedded_stack.workspace import Workspace, WorkspaceError


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "var")
    made.create()
    return made


def test_wipe_leaves_nothing(workspace: Workspace) -> None:
    (workspace.root / "nats").mkdir()
    (workspace.root / "nats" / "file").write_text("data")
    workspace.wipe()
    assert list(workspace.root.iterdir()) == []


def test_wipe_does_not_follow_links(workspace: Workspace, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("keep")
    (workspace.root / "link").symlink_to(elsewhere)
    workspace.wipe()
    assert (elsewhere / "precious").read_text() == "keep"


def test_a_folder_with_other_files_is_neither_used_nor_wiped(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    other = Workspace(tmp_path)
    with pytest.raises(WorkspaceError, match="not from here"):
        other.create()
    with pytest.raises(WorkspaceError, match="nothing is deleted"):
        other.wipe()
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_wiping_what_is_not_there_is_fine(tmp_path: Path) -> None:
    Workspace(tmp_path / "never").wipe()


def test_one_at_a_time(workspace: Workspace) -> None:
    assert workspace.holder() is None
    with workspace.locked():
        assert workspace.holder() == os.getpid()
        with pytest.raises(WorkspaceError, match=f"process {os.getpid()}"), workspace.locked():
            pass
        with pytest.raises(WorkspaceError, match="already runs"):
            workspace.wipe()
    assert workspace.holder() is None
    with workspace.locked():
        pass


def test_credentials_are_made_once_and_private(workspace: Workspace) -> None:
    made = kept_credentials(workspace.secrets)
    assert kept_credentials(workspace.secrets) == made
    assert stat.S_IMODE(workspace.secrets.stat().st_mode) == 0o600
    assert made.jwt_secret not in repr(made)
    assert len(made.jwt_secret) >= 32


def test_damaged_credentials_are_not_replaced(workspace: Workspace) -> None:
    workspace.secrets.write_text("{")
    with pytest.raises(CredentialsError, match="damaged"):
        kept_credentials(workspace.secrets)
    assert workspace.secrets.read_text() == "{"


def test_the_token_is_a_developers_for_thirty_days(workspace: Workspace) -> None:
    secret = kept_credentials(workspace.secrets).jwt_secret
    now = datetime.now(UTC)
    claims = jwt.decode(
        development_token(secret, now=now),
        secret,
        algorithms=["HS256"],
        issuer="flowmaestro",
        audience="flowmaestro-triggers",
    )
    assert (claims["sub"], claims["org"]) == ("developer", "dev")
    assert claims["scope"] == "triggers:read triggers:write triggers:run"
    assert claims["exp"] - int(now.timestamp()) == timedelta(days=30).total_seconds()
