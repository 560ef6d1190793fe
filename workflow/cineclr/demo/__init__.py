"""The synthetic hospital: echo studies as scanners write them, with known truth."""
