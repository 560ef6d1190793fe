"""Files as the hospital keeps them: listed, in folders or archives, and remembered from scan to scan."""
