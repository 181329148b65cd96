"""The recurrent network and what it predicts: arrays in, arrays out."""
