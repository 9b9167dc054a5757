"""The forms in Block Kit that kefu's messages take in Slack: menus, hints, ratings, cards; all of it pure."""
