"""The forms that kefu's messages take in Slack."""
