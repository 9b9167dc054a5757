"""After an absence: how far everything has been seen, and reading from Slack's history what was missed."""
