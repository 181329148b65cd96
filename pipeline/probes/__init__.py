"""Question 3: what a trained network knows."""
