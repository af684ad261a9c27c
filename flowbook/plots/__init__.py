"""Every plot that the chapters draw: data in, a matplotlib figure out."""
