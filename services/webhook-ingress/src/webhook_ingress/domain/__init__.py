"""Pure decisions: who is let in, what is recorded, what is hidden."""
