"""Who may do what, what becomes of people's data, where a model comes from, what it has to show and what it costs."""
