"""
Everything Easemob IM: its REST calls and its long connection MSYNC.

Knows nothing of Slack, of customer service, or of our store. The wire (:mod:`~slackkefu.easemob.wire`,
:mod:`~slackkefu.easemob.ext`) and the rules of one login (:mod:`~slackkefu.easemob.session`) are plain functions and
state; :mod:`~slackkefu.easemob.connection` gives them a socket.
"""
