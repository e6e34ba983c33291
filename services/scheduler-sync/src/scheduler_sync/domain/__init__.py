"""Pure decisions: which schedule is desired, and which steps lead to it."""
