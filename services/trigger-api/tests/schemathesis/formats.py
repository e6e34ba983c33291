"""Values for the formats that the document names, loaded by the schemathesis command as its hooks."""

import os

import schemathesis
from hypothesis import strategies as st

EXISTING = os.environ["EXISTING_IDS"].split(",")
MINUTES = st.integers(0, 59).map(str) | st.just("*")

schemathesis.openapi.format("uuid", st.sampled_from(EXISTING) | st.uuids().map(str))
schemathesis.openapi.format("cron", MINUTES.map(lambda minute: f"{minute} 9 * * MON-FRI"))
schemathesis.openapi.format(
    "iana-time-zone", st.sampled_from(["UTC", "Europe/Amsterdam", "America/New_York"])
)
schemathesis.openapi.format(
    "event-type", st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,9}){0,3}(\.\*)?", fullmatch=True)
)
schemathesis.openapi.format("cel", st.sampled_from(["event.data.total > 1.0", "event.type == 'a'"]))
schemathesis.openapi.format("cursor", st.just(os.environ["A_CURSOR"]))
schemathesis.openapi.format("history-cursor", st.just(os.environ["A_HISTORY_CURSOR"]))
