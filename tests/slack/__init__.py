"""Tests of everything Slack."""
