"""Reference networks for image classification whose layers can be searched, one module per paper."""
