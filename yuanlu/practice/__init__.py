"""Where tills practise: a shop of its own on the simulated providers, in a process of its own, gone with it."""
