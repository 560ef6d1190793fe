"""Beside this file pytest finds what the tests of this room and of `figures/` share."""
