"""The report: one page a desk can open anywhere, built from what the core said and from nothing else."""
