"""An action that fails. Streamlit runs a test's page from its text alone, so the page imports the action from here."""

from dashboard.widgets import error_boundary

FAULT: list[Exception] = []  # the last of them is what a click raises


@error_boundary.action
def stop() -> None:
    raise FAULT[-1]
