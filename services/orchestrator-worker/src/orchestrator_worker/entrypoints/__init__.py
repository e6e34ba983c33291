"""What comes in: messages from the bus, tasks from Temporal."""
