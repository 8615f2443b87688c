"""Sends traces to an OpenTelemetry collector, where the environment names one.

It alone imports OpenTelemetry, and only then. Everything here fails open: traces are convenience.
"""
