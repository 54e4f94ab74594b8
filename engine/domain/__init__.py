"""The pure core: rules of leveraged tokens, with no clock, no input or output of its own, and no floats."""
