"""Studies whose truth was planted: how often labels, intervals and findings are right, and how often they say so."""
