"""The cohort: who is in, with which labels, in which part, and how large the label-ratio subsets are."""
