"""A world to try yuanlu in: the two providers, their payers and their troubles, over HTTP on loopback.

The servers are written from the providers' documents alone (docs/reference/sim.md says which) and share no code with
the codecs they judge: from yuanlu they take the clock and the base of errors, nothing else.
"""

from yuanlu.sim.server import Sim, serve

__all__ = ["Sim", "serve"]
