"""NATS JetStream: the connection, durable consumers, and followers of a stream's latest states."""
