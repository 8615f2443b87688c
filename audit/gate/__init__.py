"""Who may do what now: `engine.decide` asks the voters; `latch` shuts the house."""
