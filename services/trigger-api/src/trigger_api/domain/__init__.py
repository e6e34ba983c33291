"""Pure decisions and folds: nothing here does IO, reads a clock or draws a random number."""
