"""The wire: how inputs, outputs and state look in Kafka."""
