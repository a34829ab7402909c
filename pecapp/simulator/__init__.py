"""Stands in for the payment gateways in development and tests: a process of its own that speaks HTTP only."""
