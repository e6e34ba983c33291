"""Pure decisions: payloads, matching, templates, the interpretation of a definition."""
