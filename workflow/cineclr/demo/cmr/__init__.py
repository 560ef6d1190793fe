"""The MRI wing of the synthetic hospital."""
