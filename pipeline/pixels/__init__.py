"""Questions 1 and 2: binary images, masks, completions, in-painting."""
