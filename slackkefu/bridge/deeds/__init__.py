"""What people do in Slack besides writing: they press buttons, fill in modals, give commands, open the home tab."""
