"""NNI's search-space files and tuner answers, read and written."""
