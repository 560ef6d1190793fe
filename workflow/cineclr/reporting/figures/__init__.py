"""Figures as SVG and PNG, one kind per module; matplotlib is imported nowhere else."""
