"""Runs a stage safely: may end it, may not change a byte of what it writes."""
