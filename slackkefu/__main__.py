"""``python -m slackkefu``."""

from slackkefu.cli.main import main

main(prog_name="slackkefu")
