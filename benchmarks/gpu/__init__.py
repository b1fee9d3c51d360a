"""Everything that Fitscape claims about GPUs, measured on the card at hand."""
