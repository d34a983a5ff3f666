"""Published spaces for dense prediction: feature pyramids and networks for detection and segmentation, one module per paper."""
