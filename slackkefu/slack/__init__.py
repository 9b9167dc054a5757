"""
Everything Slack: Socket Mode, the Web API, what its frames and texts mean.

It knows nothing of Easemob, of kefu or of the store. Protocol facts are cited as ``facts/slack.md §1``.
"""
