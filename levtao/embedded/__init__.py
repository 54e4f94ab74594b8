"""Real servers on loopback, started in seconds: Valkey from its wheel, Kafka from Maven Central where Java is."""
