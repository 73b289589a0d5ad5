"""What is found out about a module before it is asked: how it is called, on what scale it answers, if it repeats."""
