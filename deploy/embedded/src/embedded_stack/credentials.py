"""The secrets of one data folder, made at its first start, and the development token."""

import base64
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from embedded_stack.private_files import write_private

JWT_ALGORITHM = "HS256"
JWT_ISSUER = "flowmaestro"
JWT_AUDIENCE = "flowmaestro-triggers"
TOKEN_LIFE = timedelta(days=30)


class CredentialsError(RuntimeError):
    """The file with the secrets cannot be read."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """`secret_keys` is a key ring, `id:base64(32 bytes)[,...]`, the first of which encrypts."""

    postgres_password: str
    nats_password: str
    jwt_secret: str
    secret_keys: str

    def __repr__(self) -> str:
        return "Credentials(...)"


def kept_credentials(path: Path) -> Credentials:
    """Those in the file, or new ones, kept there. Raises CredentialsError; a broken file is kept."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except FileNotFoundError:
        pass
    except msgspec.MsgspecError as error:
        raise CredentialsError(
            f"{path} is damaged ({error}): restore it, or `make reset` (deletes the data)"
        ) from None
    made = Credentials(
        postgres_password=secrets.token_urlsafe(24),
        nats_password=secrets.token_urlsafe(24),
        jwt_secret=secrets.token_urlsafe(48),
        secret_keys=f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
    )
    write_private(path, text=msgspec.json.format(msgspec.json.encode(made)).decode() + "\n")
    return made


def development_token(jwt_secret: str, *, now: datetime) -> str:
    """A token of user `developer` in workspace `dev` that may do everything, valid for 30 days from `now`."""
    import jwt  # noqa: PLC0415 - loads the cryptography package, which the servers' start need not wait for

    claims = {
        "iss": JWT_ISSUER,
        "aud": JWT_AUDIENCE,
        "sub": "developer",
        "org": "dev",
        "scope": "triggers:read triggers:write triggers:run",
        "iat": now.astimezone(UTC),
        "exp": now.astimezone(UTC) + TOKEN_LIFE,
    }
    return jwt.encode(claims, jwt_secret, algorithm=JWT_ALGORITHM)
