"""The only place that knows both worlds: who is who, what goes where, and in whose hands each message is."""
