#!/bin/sh
# Writes the stack's secrets to .env and .secrets/ray_token, mode 600. What is there already stays: run it again after
# an update and only what is new is added.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p .secrets
touch .env
chmod 600 .env
for name in POSTGRES_PASSWORD MLFLOW_DB_PASSWORD MLFLOW_ADMIN_PASSWORD MLFLOW_STUDY_PASSWORD MLFLOW_FLASK_SECRET_KEY \
  S3_ADMIN_KEY S3_ADMIN_SECRET S3_MLFLOW_KEY S3_MLFLOW_SECRET S3_STUDY_KEY S3_STUDY_SECRET RAY_AUTH_TOKEN; do
  grep -q "^$name=." .env || printf '%s=%s\n' "$name" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >>.env
done
sed -n 's/^RAY_AUTH_TOKEN=//p' .env | tr -d '\n' >.secrets/ray_token
echo "secrets are in .env and .secrets/ray_token"
