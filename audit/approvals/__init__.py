"""Escalation: what policies let through only with other people's approval, N of M."""
