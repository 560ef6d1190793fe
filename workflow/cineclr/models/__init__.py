"""Networks, one per file, and their weight files."""
