"""Fast twins for the CPU: the same mathematics as the layers, arranged for caches and cores."""
