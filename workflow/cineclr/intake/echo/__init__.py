"""Echo clips: decoded, masked, checked for colour, written as AVI or as DICOM."""
