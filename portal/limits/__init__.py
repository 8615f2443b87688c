"""Keeps one flood from taking the house along: rates, places, a short queue, and an order of shedding.

All of it happens before session and database are asked, so that a refusal costs next to nothing. It
decides who is served now, never what is allowed: whatever gets through meets gate and record as always.
"""
