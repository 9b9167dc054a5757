"""Proof from the desk: what it has not confirmed is sent again, then told."""
