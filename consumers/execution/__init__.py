"""Execution on a live venue: orders placed by client order id, followed to their fills, ended at their expiry."""
