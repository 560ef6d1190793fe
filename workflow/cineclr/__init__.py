"""CineCLR: from hospital DICOM to the tables and figures of two cardiac imaging papers."""

__version__ = "0.1.0"
