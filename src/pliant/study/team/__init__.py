"""Teams: processes that run one search together.  One leads and writes the study; any of them may end at any time."""
