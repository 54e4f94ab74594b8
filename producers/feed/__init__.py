"""Live feeds: what exchanges say, through ccxt, as inputs and as observations for those who watch."""
