"""Where pictures and labels come from."""
