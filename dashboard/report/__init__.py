"""A comparison to give away: a page that needs no server, and figures for a paper."""
