"""One trigger, all of them, and what a caller asks for."""
