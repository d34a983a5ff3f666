"""Elastic modules: layers of several sizes that share one maximal weight."""
