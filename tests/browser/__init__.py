"""Tests that do what a user does, in a real Chromium."""
