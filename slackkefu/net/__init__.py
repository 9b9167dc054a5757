"""
Dialling out: streams, TLS, WebSocket, HTTP clients, back-off.

The lowest layer but ``errors``. It knows neither Slack nor Easemob; both stand on it, so that proxies, certificates
and faults of the network are treated alike for both.
"""
