"""Reports: scrubbed text, sentences, tokens and labels; all of it on the private side."""
