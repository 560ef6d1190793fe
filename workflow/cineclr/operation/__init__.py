"""What a person asks before, during and after a run of days: how much, how far, what failed, what it took.

The only room of the package that knows Snakemake.
"""
