"""How fast the simulator is: fixed workloads, each in a process of its own, held against bars."""
