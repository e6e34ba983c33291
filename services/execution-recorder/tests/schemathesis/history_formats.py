"""Values for the formats that the document names, loaded by the schemathesis command as its hooks."""

import os

import schemathesis
from hypothesis import strategies as st

EXISTING = os.environ["EXISTING_IDS"].split(",")

schemathesis.openapi.format("uuid", st.sampled_from(EXISTING) | st.uuids().map(str))
schemathesis.openapi.format("cursor", st.just(os.environ["A_CURSOR"]))
