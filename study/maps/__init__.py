"""Records to a map with uncertainty. Pure: arrays in, arrays out."""

from fitscape.study.maps.regime_map import RegimeMap

__all__ = ["RegimeMap"]
