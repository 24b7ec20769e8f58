"""Prices and times of AWS's services: the inputs of benchmarks/cost.py."""

PRICES = "AWS's list prices for us-east-1 (on demand, no free tier, no discounts) as of 2025"

WRITE_UNIT_USD = 0.625 / 1e6
READ_UNIT_USD = 0.125 / 1e6
TABLE_GB_MONTH_USD = 0.25
BACKUP_GB_MONTH_USD = 0.20
"""Point-in-time recovery."""

S3_GB_MONTH_USD = 0.023
S3_REQUEST_USD = {"PutObject": 5e-6, "ListObjectsV2": 5e-6, "GetObject": 0.4e-6, "HeadObject": 0.4e-6}
LAMBDA_GB_SECOND_USD = 0.0000133334
"""arm64."""

LAMBDA_REQUEST_USD = 0.20 / 1e6
GATEWAY_REQUEST_USD = 1.00 / 1e6
"""Of an HTTP API, for each 512 KB of a request: photos are taken for smaller."""


REKOGNITION_USD_PER_1000 = {"IndexFaces": 1.00, "SearchFacesByImage": 1.00}
"""Group 1, the first million images of a month. The other operations here are free."""

REKOGNITION_FACE_MONTH_USD = 0.00001

FUNCTION_GB = {"IndexFaces": 2.0, "SearchFacesByImage": 2.0}
FUNCTION_S = {"IndexFaces": 0.6, "SearchFacesByImage": 0.6, "SearchFacesByImage, cold": 8.0}
OTHER_GB, OTHER_S = 0.5, 0.1
ROUTER_GB = 0.25
"""Assumptions, to be replaced by measurements of a deployment. The router waits for the function. Cold is a function's
start that opens a million faces."""

ITEM_OVERHEAD_BYTES = 100
"""DynamoDB bills that much storage for each item beside its own size."""

PARTITION_WRITE_UNITS_PER_S = 1000
READ_S, TRANSACTION_S = 0.005, 0.012
"""Assumed answer times of DynamoDB: a read, a transaction."""
