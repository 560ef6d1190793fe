"""Text that is left in the pixels: found, set aside, looked at, decided on."""
