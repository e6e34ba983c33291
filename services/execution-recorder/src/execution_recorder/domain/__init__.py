"""What the history says, as pure folds of the messages on the bus."""
