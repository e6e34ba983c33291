"""What the sample consists of: two workflows, and one trigger of each kind."""

import json
from typing import Any

import msgspec


class SampleTrigger(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger as the API takes it; `workflow` is a key of WORKFLOWS."""

    name: str
    workflow: str
    kind: str
    config: dict[str, Any]


def _chain(output: dict[str, str]) -> dict[str, Any]:
    return {
        "nodes": {
            "in": {"type": "input", "name": "Input", "config": {}},
            "pick": {"type": "transform", "name": "Pick", "config": {"output": output}},
            "out": {"type": "output", "name": "Output", "config": {"value": "{{nodes.pick.output}}"}},
        },
        "edges": [
            {"id": "e1", "source": "in", "target": "pick"},
            {"id": "e2", "source": "pick", "target": "out"},
        ],
        "entryPoint": "in",
        "settings": {"timeout": 300, "maxConcurrentNodes": 10},
    }


WORKFLOWS: dict[str, dict[str, Any]] = {
    "report": {
        "name": "Sample: deploy report",
        "definition": _chain(
            {"branch": "{{trigger.payload.body.ref}}", "by": "{{trigger.payload.body.pusher.name}}"}
        ),
    },
    # A payload of any shape, because a schedule, an event and a manual run have no "body".
    "echo": {"name": "Sample: what came in", "definition": _chain({"received": "{{trigger.payload}}"})},
}

EVENT_TYPE = "order.created"

TRIGGERS: dict[str, SampleTrigger] = {
    "webhook": SampleTrigger(
        name="Sample: GitHub push", workflow="report", kind="webhook", config={"authType": "hmac"}
    ),
    "schedule": SampleTrigger(
        name="Sample: every minute",
        workflow="echo",
        kind="schedule",
        config={"cronExpression": "* * * * *", "timezone": "UTC"},
    ),
    "event": SampleTrigger(
        name="Sample: order created", workflow="echo", kind="event", config={"eventType": EVENT_TYPE}
    ),
    "manual": SampleTrigger(name="Sample: by hand", workflow="echo", kind="manual", config={}),
}

# What the webhook line of the start screen sends: a GitHub push, shortened.
PUSH_BODY = json.dumps(
    {
        "ref": "refs/heads/main",
        "repository": {"full_name": "octocat/hello-world"},
        "pusher": {"name": "octocat"},
        "head_commit": {"message": "Say hello"},
    },
    separators=(",", ":"),
)
EVENT_DATA = '{"total": 120}'


class KeptSample(msgspec.Struct, frozen=True, kw_only=True):
    """What `sample.json` remembers: the ids, and the webhook's secret, which the API shows only once."""

    workflows: dict[str, str] = {}
    triggers: dict[str, str] = {}
    webhook_secret: str | None = None
