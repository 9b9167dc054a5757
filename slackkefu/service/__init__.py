"""
Being a good service: logs, readiness and watchdog, metrics.

Nothing here knows the rest of slackkefu; the program that starts the daemon joins them.
"""
