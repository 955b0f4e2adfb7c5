"""Who may do what, what becomes of people's data, and where a model comes from: gates and checks as callables."""
