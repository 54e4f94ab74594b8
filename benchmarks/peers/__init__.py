"""The simplest comparable job in other stream processors: parse a quote, keep the last price, say when it moved 0.1 %.

Each peer is a program of its own in an environment of its own; it prints how many messages it took in how long, from
the first to the last.
"""
