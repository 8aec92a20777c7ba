"""Everything an operator can set: the tree, its rules, and how all mistakes are told at once."""
