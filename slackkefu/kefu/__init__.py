"""
The customer-service meaning carried inside IM messages.

What a message of the service number says (:mod:`~slackkefu.kefu.incoming`), and what a visitor's message tells the desk
(:mod:`~slackkefu.kefu.outgoing`). Plain functions; knows Easemob's messages, but nothing of Slack. Facts are cited as
``facts/kefu.md §2``.
"""
