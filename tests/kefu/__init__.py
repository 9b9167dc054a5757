"""Tests of the meaning of IM messages."""
