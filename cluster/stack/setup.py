"""Make what the stack needs once, and whatever of it is missing: two buckets, and the MLflow user of studies."""

import os

import boto3
from mlflow_user import ensure_user

BUCKETS = ("mlflow", "fitscape")


def main() -> None:
    store = boto3.client("s3", endpoint_url=os.environ["S3_URL"], region_name="us-east-1")
    there = {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}
    for bucket in BUCKETS:
        if bucket not in there:
            store.create_bucket(Bucket=bucket)
            print("bucket", bucket)
    print("user", ensure_user("study", os.environ["MLFLOW_STUDY_PASSWORD"]))


main()
