"""From Slack to the desk: an envelope taken in, its message in custody until the desk has it or its writer is told."""
