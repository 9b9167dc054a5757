"""``slackkefu init`` as the leader of the terminal that it was given: its Ctrl-C and hidden typing are real."""

from __future__ import annotations

import fcntl
import sys
import termios

from slackkefu.cli.main import main

if __name__ == "__main__":
    fcntl.ioctl(sys.stdin, termios.TIOCSCTTY, 0)
    main(["init"], prog_name="slackkefu")
