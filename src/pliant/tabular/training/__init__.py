"""Training of many small networks for tables: those of one structure as one batched model, others in turn or in workers."""
