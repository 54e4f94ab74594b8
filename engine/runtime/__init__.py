"""The runtime: an asyncio shell that feeds the core from the log and keeps what comes of it. It has no rules."""
