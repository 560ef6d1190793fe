"""Videos at rest: AVI files, the packed store of preprocessed clips, HDF5 files of MRI studies."""
