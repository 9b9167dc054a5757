"""
A Slack and an Easemob with a kefu desk on this machine.

The fakes speak the real protocols as the facts have them and serve the tests and the demo alike. They know nothing of
the daemon: a client they have never seen is treated as the real servers would treat it.
"""
