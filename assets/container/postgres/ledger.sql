-- The ledger keeps to a database of its own, beside MLflow's.
CREATE DATABASE ledger;
