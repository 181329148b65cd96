"""Tables in, words out."""
