"""Producers: whatever puts inputs into the log."""
