"""Tests of everything Easemob IM."""
