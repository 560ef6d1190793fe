"""One loop, and one module per kind of training."""
