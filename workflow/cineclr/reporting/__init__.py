"""Tables, figures and the summary of a run."""
