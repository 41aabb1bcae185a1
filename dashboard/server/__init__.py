"""The HTTP side of the app: security, routes, sample sheets."""
