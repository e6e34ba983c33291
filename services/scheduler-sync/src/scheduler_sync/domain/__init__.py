"""Pure decisions: what a schedule shall be, and what has to be done for it."""
