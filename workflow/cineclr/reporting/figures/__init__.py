"""Figures as SVG and PNG, one kind per module."""
