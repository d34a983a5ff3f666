"""Published search spaces of networks for phones, built of inverted residuals, one module per paper."""
