"""Faults on purpose: two engines, a real Kafka and a real Redis, harassed by a seed and checked by another client."""
