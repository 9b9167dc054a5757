"""Tests of what knows both worlds."""
