"""Consumers: whatever reads the outputs."""
