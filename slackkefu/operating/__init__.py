"""
What an operator does to a store: what commands ask of the running daemon, or do themselves while none runs.

One handler a deed (:mod:`slackkefu.control`), the same in both: what differs is handed to it.
"""
