"""Value specs, keys, schemas and signatures with PyGlove's names."""
