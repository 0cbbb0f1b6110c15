"""Studies: a module a question, what its arms gave and cost, and the answer by a rule that was fixed beforehand."""
