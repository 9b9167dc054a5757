"""From the desk to Slack: a batch taken in, each of its messages posted once, then pulled past."""
