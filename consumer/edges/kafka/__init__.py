"""Kafka: the consumer on its own thread, where partitions start, and the dead-letter producer."""
