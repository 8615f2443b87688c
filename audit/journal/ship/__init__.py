"""Sends the journal to a central log, from its files and never from within a request.

At least once: a position is stored when the receiver has acknowledged what lies before it. A writer's
lines keep their order. A receiver tells a line that comes again by its writer and number.
"""
