"""Workspaces come and go: who is served, who can be reached, and what happens when that changes."""
