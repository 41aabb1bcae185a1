"""What serves the app: security, routes, frames."""
