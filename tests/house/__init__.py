"""Tests of the house itself: who imports whom, what is tracked, what is pinned."""
