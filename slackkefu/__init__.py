"""slackkefu: customers in Slack, agents in Easemob's customer-service console, one daemon between them."""

__version__ = "0.1.0"
