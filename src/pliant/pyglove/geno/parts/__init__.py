"""The parts of genotypes and DNA: nodes, grammar, ids, dicts, choices in order."""
