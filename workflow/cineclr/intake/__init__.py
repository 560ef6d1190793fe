"""From DICOM files to de-identified videos: scan, header allow-list, decoding, masking."""

import logging

logging.getLogger("pydicom").disabled = True  # its messages quote header values
