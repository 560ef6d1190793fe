"""Reporting of the second paper: statistics, tables and figures of cardiac MRI."""
