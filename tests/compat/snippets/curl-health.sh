# compat: the reference's health request answers without a key.
curl http://localhost:80/api/health
