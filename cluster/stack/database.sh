# Run once, when the data folder is new: MLflow owns its database and is no superuser.
psql -v ON_ERROR_STOP=1 -U postgres -d postgres -v password="$MLFLOW_DB_PASSWORD" <<'SQL'
CREATE ROLE mlflow LOGIN PASSWORD :'password';
CREATE DATABASE mlflow OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE mlflow FROM PUBLIC;
SQL
