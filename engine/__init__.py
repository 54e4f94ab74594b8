"""The engine: the pure rules, their wire format, the log they are read from, and the runtime around them."""
