"""Tables in, text and figures out."""
