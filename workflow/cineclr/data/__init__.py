"""Clips, pairs, order and augmentation: from the packed store to a batch on the device."""
