"""AVI files and the packed store of preprocessed clips."""
