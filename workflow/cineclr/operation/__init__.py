"""Around a run of days: one runner at a time, the cluster, what is planned, running and used up."""
