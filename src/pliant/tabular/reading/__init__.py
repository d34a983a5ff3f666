"""Tables from files and from objects in memory: CSV, Parquet, pandas, NumPy, and lists of dicts.  Encodes nothing."""
