"""View classification: which videos show the wanted view."""
