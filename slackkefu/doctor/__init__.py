"""
The doctor: what ``slackkefu check`` examines, and how it says what it found.

A module for each examined thing; each says what it finds as a :class:`~slackkefu.doctor.report.Finding`. It takes no
lock, writes nothing to the store and opens no Socket Mode connection, so it is safe while the daemon runs. What it
costs the daemon: one call of ``apps.connections.open``, a few calls for each workspace, and one Easemob app token.
"""
