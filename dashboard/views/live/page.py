"""The page Live: an iframe with the live tab, which the same server serves."""

import streamlit as st

from dashboard.server import paths

HEIGHT = 1500  # pixels, until the script of the tab fits the frame to its content

theme = "dark" if st.context.theme.type == "dark" else "light"
st.iframe(f"{paths.live_tab()}/?__theme={theme}", height=HEIGHT)
