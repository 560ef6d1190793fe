"""From the hospital's files to de-identified videos: what both papers share is here, the rest in rooms."""

import logging

logging.getLogger("pydicom").disabled = True  # its messages quote header values
