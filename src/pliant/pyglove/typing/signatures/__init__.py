"""What functions accept and return, as value specs; ``callable_signature`` offers the names."""
