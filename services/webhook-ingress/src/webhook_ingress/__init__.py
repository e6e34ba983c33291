"""The public webhook door: verifies requests, stores them on the bus, then responds 202."""
