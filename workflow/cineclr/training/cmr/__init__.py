"""Training of the second paper: video-text pretraining and multi-instance fine-tuning."""
