"""What a person asks before, during and after a run of days: how much, how far, what failed, what it took.

It knows Snakemake, as does `reporting.run_report`, and no other room.
"""
