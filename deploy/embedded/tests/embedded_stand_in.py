"""A service of the tests: ready at once, answers what it was given; and a stack made of such services.

`embedded_stand_in.py service`          HTTP on HTTP_PORT
`embedded_stand_in.py migrate FILE`     notes in FILE that the database could be used
`embedded_stand_in.py up VAR PORT`      the stack, as `python -m embedded_stack up` starts the real one
"""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
from aiohttp import web

from embedded_stack.services import ServiceDefinition
from embedded_stack.supervisor import RestartPolicy
from embedded_stack.up import StartRequest, up


def serve() -> None:
    async def ready(_: web.Request) -> web.Response:
        return web.json_response({"ready": True})

    async def environment(_: web.Request) -> web.Response:
        return web.json_response({**os.environ, "PID": str(os.getpid())})

    app = web.Application()
    app.router.add_get("/readyz", ready)
    app.router.add_get("/{tail:.*}", environment)
    web.run_app(app, host=os.environ["HTTP_HOST"], port=int(os.environ["HTTP_PORT"]), print=lambda *_: None)


async def migrate(note: Path) -> None:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    database = await connection.fetchval("SELECT current_database()")
    await connection.close()
    await asyncio.to_thread(note.write_text, database)


def definitions(folder: Path) -> list[ServiceDefinition]:
    me = (sys.executable, __file__)
    return [
        ServiceDefinition(
            name="trigger-api",
            serve=(*me, "service"),
            migrate=(*me, "migrate", str(folder.parent / "migrated")),
            needs=frozenset({"postgresql", "nats"}),
            settings=("DATABASE_URL", "NATS_URL", "SECRET_KEYS", "JWT_SECRET", "PUBLIC_URL"),
        ),
        ServiceDefinition(
            name="webhook-ingress",
            serve=(*me, "service"),
            needs=frozenset({"nats"}),
            uses=frozenset({"temporal"}),
            settings=("NATS_URL", "TRUSTED_PROXY_HOPS", "ACCESS_LOG"),
        ),
    ]


def main(arguments: list[str]) -> None:
    match arguments:
        case ["service"]:
            serve()
        case ["migrate", note]:
            asyncio.run(migrate(Path(note)))
        case ["up", folder, port]:
            asyncio.run(
                up(
                    StartRequest(
                        folder=Path(folder),
                        port=int(port),
                        definitions=definitions(Path(folder)),
                        say=lambda text: print(text, flush=True),
                        policy=RestartPolicy(first=0.05, longest=0.2, ready_within=60, stop_within=20),
                    )
                )
            )


if __name__ == "__main__":
    main(sys.argv[1:])
