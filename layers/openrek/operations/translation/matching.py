"""Defaults and bounds of searches and comparisons."""

DEFAULT_THRESHOLD_PCT = 80.0
MOST_MATCHES = 4096
"""The most that the service model allows, and the default: AWS documents none, and a smaller one would hide matches."""
MOST_FACES_IN_PHOTO = 100
ASSOCIATION_THRESHOLD_PCT = 75.0
MOST_USERS = 500
"""The most that the service model allows in a response and in a page, and the default of both."""
MOST_MATCHES_PER_FACE = 50
"""Of SearchAllFacesByImage: the response for 100 faces stays below the 6 MB that a Lambda function may return."""
