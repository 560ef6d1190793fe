"""The one error that is meant for the user."""


class InputError(Exception):
    """Something the user gave is wrong; the message says where, what, and what to do.

    The message is shown as it is, in the terminal and in logs that leave the building: it names files by
    role or pseudonym, rows by number, columns and settings by name, and never quotes a patient's data.
    """
