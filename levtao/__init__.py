"""The composition root: command line, settings, and the local stack. No rules."""
