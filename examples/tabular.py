"""Searches networks for a table with texts, dates and gaps, and predicts new rows: `python examples/tabular.py`."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine

from pliant.tabular import search_table

frame = load_wine(as_frame=True).frame.sample(frac=1, random_state=0)
frame["target"] = np.array(["barolo", "grignolino", "barbera"])[frame["target"]]
frame["proline"] = [f"${value:,.2f}" for value in frame["proline"]]  # numbers as people write them
frame["picked"] = pd.date_range("2019-09-01", periods=len(frame)).astype(str)
frame.loc[::9, "alcohol"] = None
train, new = frame.iloc[:120], frame.iloc[120:]

found = search_table(train, "target", trials=16, seed=0)
print(*found.notes, *[f"{one.score:.3f} {one.network}" for one in found.leaderboard[:3]], sep="\n")
print(f"accuracy on {len(new)} new rows: {found.measure(new):.3f}")
