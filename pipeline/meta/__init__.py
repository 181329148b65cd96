"""Question 3: Dirichlet sources, the networks trained on them, and how they are scored."""
