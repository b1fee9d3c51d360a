"""What a user would write without Fitscape: no handicap added, nothing left out that a good engineer would do."""
