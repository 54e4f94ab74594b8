"""A stand-in exchange on loopback, spoken to by the unmodified ccxt classes."""
