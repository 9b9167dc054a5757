"""
The wire schema of MSYNC: ``msync.proto`` and what is generated from it.

After a change of the schema, run in the top folder of the checkout::

    python -m slackkefu.easemob.proto
"""
