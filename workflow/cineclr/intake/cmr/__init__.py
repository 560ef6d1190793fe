"""Intake of cardiac MRI: scan, series, slices in order, one HDF5 file per study."""
