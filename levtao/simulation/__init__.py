"""What might have been: many made-up years of the underlying, and what the tokens would have made of them.

Everything here is a statistic and computed in floats: no amount of it is ever booked. The exact core can be run over
some of the same paths to show that the floats tell the truth.
"""
