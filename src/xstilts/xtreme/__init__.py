"""Two submission folders: evaluate one, compare two, make one."""
